"""The steps that write what the servers hold in memory to Redis, in Lua.

See `scripts` for the keys and for what all scripts share.
"""

from __future__ import annotations

from typing import Final

from chat_server.backplane.scripts import script

SEED: Final = script("""
-- epoch form at n floor lease_ms stamp snapshot chain; then, each after their number: nodes (name,
-- number, is it alive), accounts (name, JSON), entries (ID and the ten values)
if log_epoch then return {'held'} end
local at, here = 10, ARGV
local function next_number() at = at + 1 return tonumber(here[at - 1]) end
local function next_text() at = at + 1 return here[at - 1] end
redis.call('HSET', STATE, 'epoch', here[1], 'form', here[2], 'at', here[3], 'n', here[4],
  'floor', here[5], 'snapped_n', here[4], 'snapped_at', text(now() / 1000), 'chain', here[9])
redis.call('DEL', LOG, NODES, ENDED, LEASES, SESSIONS, USERS, SNAPSHOTS)
set(SNAPSHOTS, here[7], here[8])
for _ = 1, next_number() do
  local node, number, is_alive = next_text(), next_text(), next_text()
  if is_alive == '1' then
    set(NODES, node, number)
    set(LEASES, node, text(now() / 1000 + here[6]))
  else
    set(ENDED, node, number .. ' ' .. text(now() / 1000))
  end
end
for _ = 1, next_number() do local name = next_text() set(USERS, name, next_text()) end
for _ = 1, next_number() do
  redis.call('XADD', LOG, next_text(), 'n', next_text(), 'k', next_text(), 'o', next_text(),
    's', next_text(), 'u', next_text(), 'g', next_text(), 'w', next_text(), 'r', next_text(),
    'd', next_text(), 'c', next_text())
end
return {'ok'}
""")
"""Write all that a Redis without memory needs. The first server does it; the others read that."""

SNAPSHOT: Final = script("""
-- epoch stamp n snapshot chain
if log_epoch ~= ARGV[1] or find(ARGV[2], ARGV[5]) ~= 'here' then return {'lost'} end
set(SNAPSHOTS, ARGV[2], ARGV[4])
redis.call('HSET', STATE, 'snapped_n', ARGV[3], 'snapped_at', text(now() / 1000))
-- Keep the two newest, and of the last hour one about every five minutes: one is removed if its
-- neighbours are less than that apart.
local stamps = redis.call('HKEYS', SNAPSHOTS)
table.sort(stamps, function(a, b) return tonumber(a) > tonumber(b) end)
local oldest, last = now() - 3600000000, tonumber(stamps[2] or '0')
-- And the first one, which has no stamp, as long as the log has its first entry.
local first = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)
local is_whole = first[1] and first[1][2][2] == '1'
for i = 3, #stamps do
  local stamp = tonumber(stamps[i])
  local next_older = tonumber(stamps[i + 1] or '0')
  if stamp == 0 and is_whole then
    last = stamp
  elseif stamp < oldest or last - next_older < 300000000 then
    redis.call('HDEL', SNAPSHOTS, stamps[i])
  else
    last = stamp
  end
end
return {'ok'}
""")
"""Store a snapshot of the state, and remove those that are not needed any more."""

WRITE_ACCOUNTS: Final = script("""
-- epoch stamp; then the accounts: name, JSON
if log_epoch ~= ARGV[1] or redis.call('EXISTS', USERS) == 1 then return {'held'} end
if tonumber(ARGV[2]) < state('users_at') then return {'old'} end
for i = 3, #ARGV, 2 do set(USERS, ARGV[i], ARGV[i + 1]) end
return {'ok'}
""")
"""Write all accounts, if their key is lost, by a server that has read all their changes.

A lost key never means that all accounts were removed.
"""

ALL: Final = (SEED, SNAPSHOT, WRITE_ACCOUNTS)
