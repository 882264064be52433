-- wrk posts one form again and again; an answer without an access token counts as wrong.
--     wrk … -s form.lua URL -- BODY AUTHORIZATION
local threads = {}
function setup(thread)
   table.insert(threads, thread)
end

function init(arguments)
   local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
   if arguments[2] and arguments[2] ~= "" then
      headers["Authorization"] = arguments[2]
   end
   wrong = 0
   whole = wrk.format("POST", nil, headers, arguments[1])
end

function request()
   return whole
end

function response(status, _, body)
   if status ~= 200 then
      wrong = wrong + 1
      if wrong == 1 then
         io.stderr:write("refused: ", status, " ", string.sub(body, 1, 300), "\n")
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
