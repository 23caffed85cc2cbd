-- For each line of the file that WNV_EXPRESSIONS names: the numbers of the frames that this display filter selects,
-- behind "=", or behind "!" why it is none. For tests/display_filters.py.
local results = {}
for line in io.lines(os.getenv("WNV_EXPRESSIONS")) do
  local selected = {}
  results[#results + 1] = selected
  local is_valid, tap = pcall(Listener.new, "frame", line)
  if is_valid then
    selected.tap = tap
    function tap.packet(pinfo) selected[#selected + 1] = pinfo.number end
  else
    selected.reason = tostring(tap):gsub("\n", " ")
  end
end
local last = Listener.new("frame")
function last.draw()
  for _, selected in ipairs(results) do
    print(selected.tap and "= " .. table.concat(selected, " ") or "! " .. selected.reason)
  end
end
