"""The steps that Redis does atomically, in Lua, and the keys that they use.

| key | holds |
| --- | --- |
| `{lobby}:log` | the stream, see `entry_codec` |
| `{lobby}:state` | hash, see below |
| `{lobby}:nodes` | hash: node -> number of its last entry. Only servers that hold a lease |
| `{lobby}:ended` | hash: node -> `<number> <ms when it ended>` |
| `{lobby}:leases` | hash: node -> end of its lease in ms |
| `{lobby}:sessions` | hash: user -> `<generation> <node>`; node -> `<greeting> <node>`, see below |
| `{lobby}:users` | hash: name -> the account in JSON |
| `{lobby}:snapshots` | hash: stamp -> a snapshot |

The state: `epoch` and `chain`, see below; `form`; `at`, the last stamp that was given; `users_at`,
that of the last change of an account; `edits_at`, the stamp that the last change of an account
which was appended again had before; `n`, how many entries there were; `floor`, the highest stamp
that a server has read; `snapped_n` and `snapped_at` (ms) of the last snapshot, and `claimed_at`
(ms) when a server began one; `beat_at` (ms), the last renewal of any lease; `seen`, the clock at
the last entry if stamps are ahead of it; `unicode:<node>`, the version of the Unicode tables of a
server that holds a lease.

The clock of Redis may be set back, or a failover may lead to one that is behind. Then no lease ends
later than a whole one from now, and no stamp is below an earlier one: the stamps rise at half the
speed of the clock until it has caught up.

An *epoch* is a random word for a log that has lost nothing that a server knew. It is made with the
first key, and again as soon as a server finds that something is lost. Every script that acts for a
server gets the epoch in which that server has compared its memory with the log, and does nothing in
another one. The server then compares again, restores its sessions and sends again what was lost.

The *chain* of an entry is a hash of what identifies it and of the chain before. Each entry contains
both, so an entry with the same stamp and number in a log that went another way is not taken for the
same one.

The field of a node in the sessions says that all sessions of that node are there since this
greeting. Without it, or with an older one, the table has lost some, and an entry that the fence
would refuse is one of a session that is not known.

A *node* is a server's name and its start: `<name>:<microseconds>`. All keys have one hash tag, so
they are in one slot of a Redis Cluster. Only commands of Redis 6.2 are used.

TRAP: Lua 5.1 prints a stamp as `1.7e+15`, so every number goes through `%.0f`.
TRAP: a script that runs out of memory fails at its first write, and not later. So the first write
of each script that appends must be one that Redis refuses then, which HDEL and XTRIM are not.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

LOG: Final = "{lobby}:log"
STATE: Final = "{lobby}:state"
NODES: Final = "{lobby}:nodes"
ENDED: Final = "{lobby}:ended"
LEASES: Final = "{lobby}:leases"
SESSIONS: Final = "{lobby}:sessions"
USERS: Final = "{lobby}:users"
SNAPSHOTS: Final = "{lobby}:snapshots"

KEYS: Final = (
    LOG,
    STATE,
    NODES,
    ENDED,
    LEASES,
    SESSIONS,
    USERS,
    SNAPSHOTS,
)
"""Every script gets all of them, in this order."""

COMMANDS: Final = (
    *("@stream", "@hash", "eval", "evalsha", "script|load", "del", "time", "role", "info"),
    *("hello", "auth", "client", "ping", "select", "multi", "exec", "watch", "exists"),
)
"""What the user of a server must be allowed to do, on the keys `{lobby}:*`."""

MAX_ENTRIES: Final = 200_000
"""Entries that the stream keeps, about: 32 MB for short messages."""

MAX_AGE: Final = 3600
"""Seconds that it keeps them."""


class Script(NamedTuple):
    """A script and the name by which Redis knows it."""

    text: str
    sha: str


_PRELUDE: Final = """
local LOG, STATE, NODES, ENDED = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local LEASES, SESSIONS, USERS, SNAPSHOTS = KEYS[5], KEYS[6], KEYS[7], KEYS[8]

-- The end of the log.
local log_epoch, log_at, log_floor, log_n, log_chain, log_seen =
  unpack(redis.call('HMGET', STATE, 'epoch', 'at', 'floor', 'n', 'chain', 'seen'))
log_at, log_floor = tonumber(log_at or '0'), tonumber(log_floor or '0')
log_n, log_chain = tonumber(log_n or '0'), log_chain or '00000000'
log_seen = log_seen and tonumber(log_seen)

local function text(number) return string.format('%.0f', number) end
local function get(key, field) return redis.call('HGET', key, field) end
local function set(key, field, value) return redis.call('HSET', key, field, value) end
local function state(field) return tonumber(get(STATE, field) or '0') end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Return the stamp of the clock, and the clock if that is more than a second behind the last stamp.
local function stamp_of_clock()
  local clock, last = now(), math.max(log_at, log_floor)
  if clock > last - 1000000 then return math.max(clock, last + 1), nil end
  local passed = log_seen and clock - log_seen or 0
  return last + math.max(math.floor(passed / 2), 1), clock
end

-- Append an entry with a stamp for each of `count` messages, and return the first. `least` > 0: not
-- the stamp of the clock, but the next one from there.
local function append(count, least, kind, node, number, user, generation, first, room, data)
  local stamp = math.max(least, log_at + 1)
  local seen
  if least == 0 then stamp, seen = stamp_of_clock() end
  log_at, log_n = stamp + count - 1, log_n + 1
  local n, before = text(log_n), log_chain
  stamp = text(stamp)
  -- What identifies an entry, and fits into one block of the hash: more would cost as much again.
  log_chain = string.sub(redis.sha1hex(before .. stamp .. number .. generation .. first), 1, 8)
  redis.call('HSET', STATE, 'at', text(log_at), 'n', n, 'chain', log_chain)
  redis.call('XADD', LOG, 'MAXLEN', '~', '200000', stamp .. '-0', 'n', n, 'k', kind, 'o', node,
    's', number, 'u', user, 'g', generation, 'w', first, 'r', room, 'd', data,
    'c', before .. log_chain)
  if seen then
    set(STATE, 'seen', text(seen))
  elseif least == 0 and log_seen then
    redis.call('HDEL', STATE, 'seen')
  end
  if least == 0 then log_seen = seen end
  return stamp
end

-- Whether the log goes on from the entry with this stamp and chain, which may be trimmed: 'here',
-- 'lost', or 'gap' if another entry follows, which its reader notices by itself.
local function find(stamp, chain)
  local found = redis.call('XRANGE', LOG, stamp .. '-0', '+', 'COUNT', 1)[1]
  if not found then return log_chain == chain and 'here' or 'lost' end
  local both = found[2][20]
  if found[1] == stamp .. '-0' then return string.sub(both, 9) == chain and 'here' or 'lost' end
  return string.sub(both, 1, 8) == chain and 'here' or 'gap'
end

-- End the sessions of a node for all. It keeps its number, because it may come back.
local function end_node(node)
  set(ENDED, node, (get(NODES, node) or '0') .. ' ' .. text(now() / 1000))
  redis.call('HDEL', NODES, node)
  redis.call('HDEL', LEASES, node)
  redis.call('HDEL', STATE, 'unicode:' .. node)
  local sessions = redis.call('HGETALL', SESSIONS)
  for i = 1, #sessions, 2 do
    if string.match(sessions[i + 1], '^%S+ (.*)$') == node then
      redis.call('HDEL', SESSIONS, sessions[i])
    end
  end
  append(1, 0, 'end-node', '', '0', '', '0', '0', '', cjson.encode({node}))
end

local function generation_of(user)
  local session = get(SESSIONS, user)
  return session and string.match(session, '^%d+')
end
"""


def script(text: str) -> Script:
    """Return a script that begins with what all scripts share."""
    whole = _PRELUDE.replace("'200000'", f"'{MAX_ENTRIES}'") + text
    return Script(whole, hashlib.sha1(whole.encode(), usedforsecurity=False).hexdigest())


APPEND: Final = script("""
-- node number kind user generation first count room data is_message epoch greeting
-- previous
-- and for an account: name, expected JSON or '', new JSON or '', old name or ''
local node, number, kind, user, generation = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local first, is_message = tonumber(ARGV[6]), ARGV[10] == '1'
if log_epoch ~= ARGV[11] then return {'lost'} end

-- Exactly once: only the number after the last one is taken. 'gap' is the rule that makes a lost
-- batch harmless, and a pipeline in whose middle the script was loaded: nothing overtakes.
if node ~= '' then
  local known = get(NODES, node)
  if not known then return {'unknown'} end  -- its lease is over, or Redis has lost it
  known = tonumber(known)
  if tonumber(number) <= known then return {'again'} end
  if known < tonumber(ARGV[13]) then return {'gap'} end
end

-- One session per user: an older session says nothing after a newer login. Messages that the log
-- has lost were said before it.
local is_fenced = kind == 'skip'
if kind == 'login' then
  local held = generation_of(user)
  is_fenced = held and first > 0 and tonumber(held) > first
elseif not is_fenced and user ~= '' and not (is_message and first > 0)
    and generation_of(user) ~= generation then
  -- Nothing says that the session has ended.
  if get(SESSIONS, node) ~= ARGV[12] .. ' ' .. node then return {'lost'} end
  is_fenced = true
end
if node ~= '' then set(NODES, node, number) end
if is_fenced then return {'fenced'} end

if kind == 'account' then
  local name, expected, json, old = ARGV[14], ARGV[15], ARGV[16], ARGV[17]
  if node == '' and first > 0 then
    -- Each server that had read a lost change appends it, all in the same order. It counts once.
    if first <= state('edits_at') then return {'again'} end
    set(STATE, 'edits_at', ARGV[6])
  end
  local subject = old ~= '' and old or name
  if (get(USERS, subject) or '') ~= expected then return {'changed'} end
  if old ~= '' and get(USERS, name) then return {'changed'} end
  if json ~= '' then set(USERS, name, json) else redis.call('HDEL', USERS, name) end
  if old ~= '' then redis.call('HDEL', USERS, old) end
end

local stamp = append(
  tonumber(ARGV[7]), first, kind, node, number, user, generation, ARGV[6], ARGV[8], ARGV[9])
if kind == 'account' then set(STATE, 'users_at', stamp) end
if kind == 'login' then
  set(SESSIONS, user, (first > 0 and ARGV[6] or stamp) .. ' ' .. node)
elseif kind == 'logout' then
  redis.call('HDEL', SESSIONS, user)
end
return {'ok', stamp}
""")
"""Append one entry: number, fence, stamp, sessions, stream."""

START: Final = script("""
-- Two starts are never the same: the next one is above the floor.
local start = text(math.max(now(), log_at + 1, log_floor + 1))
if log_epoch then set(STATE, 'floor', start) end
return {start}
""")
"""When a server starts, as the end of its node. Later starts are higher, also after the clock was
set back."""

HELLO: Final = script("""
-- node form lease_ms floor base unicode; then what the server knows: epoch greeting acknowledged
-- stamp chain; then an epoch, if another one is needed
local node, form, floor, base = ARGV[1], ARGV[2], tonumber(ARGV[4]), ARGV[5]
if not log_epoch then return {'empty'} end
if get(STATE, 'form') ~= form then return {'form', get(STATE, 'form')} end
local name, start = string.match(node, '^(.*):(%d+)$')
local older = {}
for _, other in ipairs(redis.call('HKEYS', NODES)) do
  local its_name, its_start = string.match(other, '^(.*):(%d+)$')
  if its_name == name then
    if tonumber(its_start) > tonumber(start) then return {'replaced'} end
    if other ~= node then older[#older + 1] = other end
  end
end
local known = get(NODES, node)
local is_intact = known and log_epoch == ARGV[7]
  and get(SESSIONS, node) == ARGV[8] .. ' ' .. node
local place = find(ARGV[10], ARGV[11])
if not known then
  local ended = get(ENDED, node)
  known = ended and string.match(ended, '^%d+') or base
end
if log_epoch == ARGV[7] and (tonumber(known) < tonumber(ARGV[9]) or place == 'lost') then
  -- The other servers have to compare as well, also those that miss nothing of their own.
  log_epoch, is_intact = ARGV[12], false
  set(STATE, 'epoch', log_epoch)
end
set(NODES, node, known)
redis.call('HDEL', ENDED, node)
set(LEASES, node, text(now() / 1000 + ARGV[3]))
if floor > log_floor then
  log_floor = floor
  set(STATE, 'floor', ARGV[4])
end
set(STATE, 'unicode:' .. node, ARGV[6])
for _, other in ipairs(older) do end_node(other) end
return {'ok', log_epoch, known, is_intact and place == 'here' and 1 or 0, text(log_at)}
""")
"""A server's first step on each connection of its writer. `base`: the number before the first that
it can send, if Redis does not know the server. `unicode`: the version of its tables. `epoch`,
`greeting`: of its last hello, or empty. `acknowledged`: its last number that the log has taken;
`stamp` and `chain`: of the last entry that it has read. Returns the number that Redis knows, and
whether the log and the sessions of the server are as they were."""

RESTORE: Final = script("""
-- user generation node data epoch
if log_epoch ~= ARGV[5] then return {'lost'} end
local held = get(SESSIONS, ARGV[1])
local generation = held and string.match(held, '^%d+')
if generation and tonumber(generation) >= tonumber(ARGV[2]) then return {'held'} end
set(SESSIONS, ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
-- The next stamp, and not that of the clock: so entries that are sent again next keep their own.
append(1, 1, 'restore', '', '0', ARGV[1], ARGV[2], '0', '', ARGV[4])
return {'ok'}
""")
"""Go on with a session, unless the user has a newer one."""

CLAIM: Final = script("""
-- node epoch greeting
if log_epoch ~= ARGV[2] or not get(NODES, ARGV[1]) then return {'lost'} end
set(SESSIONS, ARGV[1], ARGV[3] .. ' ' .. ARGV[1])
return {'ok'}
""")
"""Note that all sessions of a server are there, after the last one is restored. `greeting`: a
number that it has not used before."""

BEAT: Final = script(
    """
-- node lease_ms snapshot_seconds snapshot_entries may_write_snapshot epoch greeting stamp chain
if log_epoch ~= ARGV[6] or not get(NODES, ARGV[1]) then return {'unknown'} end
if get(SESSIONS, ARGV[1]) ~= ARGV[7] .. ' ' .. ARGV[1] then return {'unknown'} end
if find(ARGV[8], ARGV[9]) == 'lost' then return {'unknown'} end
local ms, lease = now() / 1000, tonumber(ARGV[2])
local had_pause = ms - state('beat_at') > lease / 2
set(STATE, 'beat_at', text(ms))
set(LEASES, ARGV[1], text(ms + lease))
if redis.call('HLEN', LEASES) < redis.call('HLEN', NODES) then
  -- The leases are lost. Without one, a server that is dead by now would never end.
  for _, node in ipairs(redis.call('HKEYS', NODES)) do
    redis.call('HSETNX', LEASES, node, text(ms + lease))
  end
end
local leases = redis.call('HGETALL', LEASES)
local count, next_end = 0, ms + lease
for i = 1, #leases, 2 do
  local ends = tonumber(leases[i + 1])
  if had_pause or ends > ms + lease + 1 then
    -- No server could renew while Redis was away, or its clock was set back. That ends no lease.
    ends = ms + lease
    set(LEASES, leases[i], text(ends))
  end
  if ends < ms then
    end_node(leases[i])
  else
    count, next_end = count + 1, math.min(next_end, ends)
  end
end
local ended = redis.call('HGETALL', ENDED)
for i = 1, #ended, 2 do
  if tonumber(string.match(ended[i + 1], ' (%d+)')) < ms - 86400000 then
    redis.call('HDEL', ENDED, ended[i])
  end
end
redis.call('XTRIM', LOG, 'MINID', '~', text((ms - 3600000) * 1000))
-- Times of a clock that was ahead count as long past.
local new, age = log_n - state('snapped_n'), math.abs(ms - state('snapped_at'))
local since_claim = math.abs(ms - state('claimed_at'))
-- A server that starts, or that is behind, needs a snapshot from which the log goes on.
local first = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)
local next_n = first[1] and tonumber(first[1][2][2]) or log_n + 1
local is_needed = next_n > state('snapped_n') + 1 or redis.call('EXISTS', SNAPSHOTS) == 0
local is_due = is_needed or new >= tonumber(ARGV[4]) or (new > 0 and age >= ARGV[3] * 1000)
if is_due and ARGV[5] == '1' and since_claim >= math.min(ARGV[3] * 1000, 30000) then
  set(STATE, 'claimed_at', text(ms))
else
  is_due = false
end
local has_users = redis.call('EXISTS', USERS)
return {'ok', count, is_due and 1 or 0, text(log_at), text(next_end - ms), has_users}
""".replace("3600000", str(MAX_AGE * 1000))
)
"""Renew the lease and end those that are over.

`may_write_snapshot`: the server reads the log. One that is behind could keep others from it.
`epoch` and the rest: as for `HELLO`, which the server has to say again if they are other ones.

Returns the number of leases, whether this server is to write a snapshot, the last stamp, the
milliseconds until the next lease ends, and whether there are accounts.
"""

LEAVE: Final = script("""
-- node
if log_epoch and get(NODES, ARGV[1]) then end_node(ARGV[1]) end
return {'ok'}
""")
"""A server that stops ends its sessions for the others."""

PLACE: Final = script("""
-- stamp chain
local oldest = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1]
return {log_epoch or '', get(STATE, 'form') or '', text(log_at), text(log_n),
  find(ARGV[1], ARGV[2]) == 'here' and 1 or 0, oldest and oldest[1] or '',
  oldest and oldest[2][2] or ''}
""")
"""Where the log is, and whether it goes on from the last entry that a reader has applied."""

ALL: Final = (APPEND, START, HELLO, RESTORE, CLAIM, BEAT, LEAVE, PLACE)
