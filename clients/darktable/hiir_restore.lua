--[[
hiir_restore.lua: restore the photos that darktable exports, with Hi-IR Restore.

Adds the target storage "restore with Hi-IR" to the export module. darktable develops each photo
into a 16-bit TIFF, `hiir restore` restores it, and the result is imported next to the original,
in its group, with the tag `hiir|restored`. README.md describes installation and settings.

Copyright 2026 the authors of Hi-IR Restore
SPDX-License-Identifier: Apache-2.0
]]

local dt = require "darktable"

local NAME = "hiir_restore"
local TAG = "hiir|restored"
local SUFFIX = "_restored"
local TASKS = { "auto", "denoise", "jpeg-artifacts", "super-resolution:2", "motion-deblur",
                "defocus-deblur", "weather" }

if dt.configuration.api_version_major < 7 then
  error(NAME .. " needs version 7 or later of darktable's Lua API, not "
        .. dt.configuration.api_version_string)
end

local IS_WINDOWS = dt.configuration.running_os == "windows"
local SEPARATOR = IS_WINDOWS and "\\" or "/"

-- Preferences -----------------------------------------------------------------------------------

dt.preferences.register(NAME, "program", "string", "Hi-IR: the command hiir",
  "Path of the command `hiir`; the bare name if it is on the search path.", "hiir")
dt.preferences.register(NAME, "url", "string", "Hi-IR: address of the service",
  "For example http://127.0.0.1:8000. If empty, the service of this machine.", "")
dt.preferences.register(NAME, "task", "string", "Hi-IR: task",
  "Initial task in the export module.", "auto")
dt.preferences.register(NAME, "strength", "integer", "Hi-IR: strength in percent",
  "Initial strength in the export module: 100 is the restored photo, 0 the original.",
  100, 0, 100)

local function preference(name, kind)
  return dt.preferences.read(NAME, name, kind)
end

-- The command line ------------------------------------------------------------------------------

-- Returns the text as one argument of the command line of this operating system.
local function quote(text)
  if not IS_WINDOWS then
    return "'" .. text:gsub("'", "'\\''") .. "'"
  end
  -- A file name cannot contain a quotation mark. In a batch file, % begins a variable even inside
  -- quotation marks, and a program reads a backslash before the closing mark as a part of it.
  if text:find('["\r\n]') then
    error("a command on Windows cannot contain quotation marks and line breaks: " .. text, 0)
  end
  return '"' .. text:gsub("%%", "%%%%"):gsub("\\+$", "%0%0") .. '"'
end

-- Returns the path of a temporary file. darktable calls the script for one photo after another, so
-- one name is enough; Lua on Windows opens only files with names in the code page of the system.
local function scratch_file(suffix)
  return dt.configuration.tmp_dir .. SEPARATOR .. NAME .. "." .. suffix
end

-- Returns the command that restores the file `source` as the new file `target`. Everything that
-- it prints goes to the file `log`. With a file as its output, `hiir restore` reads the photo from
-- standard input, keeps no journal, and refuses to overwrite.
local function command_line(settings, source, target, log)
  local words = { quote(settings.program), "restore", "-", "-o", quote(target),
                  -- several tasks, or a task with a value
                  settings.task:find("[:,]") and "--tasks" or "--task", quote(settings.task) }
  if settings.strength < 100 then
    table.insert(words, "--strength")
    table.insert(words, string.format("%d", settings.strength))
  end
  if settings.url ~= "" then
    table.insert(words, "--url")
    table.insert(words, quote(settings.url))
  end
  return table.concat(words, " ") .. " < " .. quote(source) .. " > " .. quote(log) .. " 2>&1"
end

-- Runs a command without blocking darktable; returns whether it succeeded.
local function run(command)
  if not IS_WINDOWS then
    return dt.control.execute(command) == 0
  end
  -- cmd.exe removes the first and the last quotation mark of a command with several of them, and
  -- expects file names in the code page of the system; a batch file has neither problem.
  local batch = scratch_file("bat")
  local file = assert(io.open(batch, "wb"))
  file:write("@chcp 65001 >nul\r\n@", command, "\r\n")
  file:close()
  local status = dt.control.execute('"' .. batch .. '"')
  os.remove(batch)
  return status == 0
end

-- Files -----------------------------------------------------------------------------------------

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

-- Returns a path beside the original that no file has.
local function free_path(image)
  local stem = image.path .. SEPARATOR .. image.filename:gsub("%.[^.]*$", "") .. SUFFIX
  local path, number = stem .. ".tif", 1
  while exists(path) do
    number = number + 1
    path = string.format("%s_%d.tif", stem, number)
  end
  return path
end

-- Returns the last line that the command printed: `hiir restore` ends with the reason.
local function last_line(log)
  local last
  local file = io.open(log, "rb")
  if file then
    for line in file:lines() do
      if line:find("%S") then last = line:gsub("%s+$", "") end
    end
    file:close()
  end
  return last or "hiir failed and printed nothing"
end

-- The target storage ----------------------------------------------------------------------------

local task_box = dt.new_widget("combobox") {
  label = "task",
  tooltip = "a task, or several with their values: jpeg-artifacts,denoise:25",
  editable = true,
  table.unpack(TASKS)
}
local strength_slider = dt.new_widget("slider") {
  label = "strength in percent",
  tooltip = "share of the restored photo in the result",
  hard_min = 0, hard_max = 100, soft_min = 0, soft_max = 100, step = 1, digits = 0,
}
-- After the limits: darktable sets the fields of the table in no particular order.
strength_slider.value = preference("strength", "integer")
task_box.value = preference("task", "string")

local function is_supported(_, format)
  return format.extension == "tif" or format.extension == "tiff"
end

-- Reads the settings once for each export; all its photos are restored alike.
local function initialize(_, format, _, _, export)
  export.failures = {}
  export.settings = {
    program = preference("program", "string"),
    url = preference("url", "string"),
    task = task_box.value or "auto",
    strength = math.floor(strength_slider.value + 0.5),
  }
  dt.preferences.write(NAME, "task", "string", export.settings.task)
  dt.preferences.write(NAME, "strength", "integer", export.settings.strength)
  if format.bpp ~= 16 then
    export.problem = string.format(
      "choose TIFF with 16 bits per channel, not %s", tostring(format.bpp))
  end
  -- darktable can crash when an empty list is returned here, so each photo reports the problem.
end

-- Restores one exported file and imports the result; raises an error with the reason.
local function restore(image, exported, export)
  if export.problem then error(export.problem, 0) end
  local log = scratch_file("log")
  local target = free_path(image)
  local command = command_line(export.settings, exported, target, log)
  dt.print_log(NAME .. ": " .. command)
  local is_restored = run(command)
  local reason = not is_restored and last_line(log)
  os.remove(log)
  if reason then error(reason, 0) end
  local restored = dt.database.import(target)
  if not restored then error("darktable could not import " .. target, 0) end
  restored:group_with(image)
  dt.tags.attach(dt.tags.create(TAG), restored)
end

local function store(_, image, _, exported, number, total, _, export)
  dt.print(string.format("restoring %s (%d of %d)", image.filename, number, total))
  local is_done, reason = pcall(restore, image, exported, export)
  os.remove(exported)
  if not is_done then
    local message = string.format("%s: %s", image.filename, reason)
    table.insert(export.failures, message)
    dt.print(message)
    dt.print_error(NAME .. ": " .. message)
  end
end

-- Shows the failures again at the end: the next photo's message has replaced each of them.
local function finalize(_, _, export)
  if export.failures and #export.failures > 0 then
    dt.print(string.format("%d not restored\n%s", #export.failures,
                           table.concat(export.failures, "\n")))
  else
    dt.print("all photos are restored")
  end
end

dt.register_storage(NAME, "restore with Hi-IR", store, finalize, is_supported, initialize,
  dt.new_widget("box") { orientation = "vertical", task_box, strength_slider })

-- For darktable's script manager.
return {
  metadata = {
    name = "Hi-IR Restore",
    purpose = "restore the photos that darktable exports",
    author = "the authors of Hi-IR Restore",
  },
  destroy = function() dt.destroy_storage(NAME) end,
}
