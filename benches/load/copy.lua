-- wrk plays third-party copies: each request is a COPY of one small file to a new name, pull, with tokens, and is well only when
-- its terminal line says so.
--     wrk … -s copy.lua URL -- SOURCE TOKEN FOLDER RUN
local threads = {}
function setup(thread)
   table.insert(threads, thread)
   thread:set("number", #threads)
end

function init(arguments)
   local source, token = arguments[1], arguments[2]
   folder, run = arguments[3], arguments[4]
   headers = {
      ["Source"] = source,
      ["Authorization"] = "Bearer " .. token,
      ["TransferHeaderAuthorization"] = "Bearer " .. token,
      ["Content-Length"] = "0",
   }
   count, wrong = 0, 0
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
end

function done(summary, latency)
   local wrong = 0
   for _, thread in ipairs(threads) do
      wrong = wrong + thread:get("wrong")
   end
   io.write(string.format("RESULT %d %d %.6f %.1f\n", summary.requests, wrong, summary.duration / 1e6, latency:percentile(50)))
end
