-- wrk plays third-party copies: each request is a COPY of one small file to a new name, pull, with tokens, and is well only when
-- its terminal line says so.
--     wrk … -s copy.lua URL -- SOURCE TOKEN FOLDER RUN [MOST]
-- A thread plays at most so many and then is quiet until the time is over.
local threads = {}
function setup(thread)
   table.insert(threads, thread)
   thread:set("number", #threads)
end

function init(arguments)
   local source, token = arguments[1], arguments[2]
   folder, run, most = arguments[3], arguments[4], tonumber(arguments[5])
   headers = {
      ["Source"] = source,
      ["Authorization"] = "Bearer " .. token,
      ["TransferHeaderAuthorization"] = "Bearer " .. token,
      ["Content-Length"] = "0",
   }
   count, wrong, answered = 0, 0, 0
end

function request()
   count = count + 1
   return wrk.format("COPY", folder .. "/" .. run .. "-" .. number .. "-" .. count, headers)
end

function response(status, _, body)
   if not string.find(body, "success: Created", 1, true) then
      wrong = wrong + 1
      if wrong == 1 then
         io.stderr:write("a copy failed: ", status, " ", body, "\n")
      end
   end
   answered = answered + 1
   if answered == most then
      wrk.thread:stop()
   end
end

function done(summary, latency)
   local wrong = 0
   for _, thread in ipairs(threads) do
      wrong = wrong + thread:get("wrong")
   end
   io.write(string.format("RESULT %d %d %.6f %.1f\n", summary.requests, wrong, summary.duration / 1e6, latency:percentile(50)))
end
