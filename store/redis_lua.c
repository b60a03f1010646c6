/* SPDX-License-Identifier: Apache-2.0
 *
 * What must happen in one instant inside Redis. Scripts take every key as KEYS except sessions reached through a person's
 * index (one server, no cluster). Numbers that leave Lua as text are formatted with %.0f: tostring would round at 1e14.
 */
#include "base/check.h"
#include "store/redis_int.h"

/* KEYS session, person. ARGV hash, id, idle life ms, prefix of session keys, most per person, absolute life ms, then
 * fields and values. The index must outlive every slide of its sessions: they are revoked through it. */
static const char session_create_lua[] =
    "redis.call('DEL',KEYS[1])\n"
    "for i=7,#ARGV,2 do redis.call('HSET',KEYS[1],ARGV[i],ARGV[i+1]) end\n"
    "redis.call('PEXPIRE',KEYS[1],ARGV[3])\n"
    "if redis.call('HLEN',KEYS[2])>=tonumber(ARGV[5]) then\n"
    "  local live,oldest,seen=0,nil,nil\n"
    "  local all=redis.call('HGETALL',KEYS[2])\n"
    "  for i=1,#all,2 do\n"
    "    local s=tonumber(redis.call('HGET',ARGV[4]..all[i+1],'seen') or '')\n"
    "    if not s then redis.call('HDEL',KEYS[2],all[i])\n"
    "    else live=live+1; if not seen or s<seen then seen=s; oldest=i end end\n"
    "  end\n"
    "  if live>=tonumber(ARGV[5]) then\n"
    "    redis.call('DEL',ARGV[4]..all[oldest+1]); redis.call('HDEL',KEYS[2],all[oldest])\n"
    "  end\n"
    "end\n"
    "redis.call('HSET',KEYS[2],ARGV[2],ARGV[1])\n"
    "if redis.call('PTTL',KEYS[2])<tonumber(ARGV[6]) then redis.call('PEXPIRE',KEYS[2],ARGV[6]) end\n"
    "return 1\n";

/* KEYS session. ARGV now (wall ms). Writes only when the last slide is a while ago: reading must not flood the AOF. */
static const char session_get_lua[] =
    "local v=redis.call('HMGET',KEYS[1],'id','person','device','client','created','seen','expires','idle')\n"
    "if not v[1] then return false end\n"
    "local now,seen,exp,idle=tonumber(ARGV[1]),tonumber(v[6]),tonumber(v[7]),tonumber(v[8])\n"
    "if now>=exp or now>=seen+idle then redis.call('DEL',KEYS[1]); return false end\n"
    "if now-seen>=math.min(idle/16,5000) then\n"
    "  redis.call('HSET',KEYS[1],'seen',ARGV[1]); v[6]=ARGV[1]\n"
    "  redis.call('PEXPIRE',KEYS[1],string.format('%.0f',math.min(idle,exp-now)))\n"
    "end\n"
    "return v\n";

/* KEYS person. ARGV id, prefix. */
static const char session_delete_lua[] =
    "local h=redis.call('HGET',KEYS[1],ARGV[1])\n"
    "if not h then return 0 end\n"
    "redis.call('HDEL',KEYS[1],ARGV[1])\n"
    "return redis.call('DEL',ARGV[2]..h)\n";

/* KEYS person. ARGV now, prefix. */
static const char session_list_lua[] =
    "local out,all,now={},redis.call('HGETALL',KEYS[1]),tonumber(ARGV[1])\n"
    "for i=1,#all,2 do\n"
    "  local v=redis.call('HMGET',ARGV[2]..all[i+1],'id','person','device','client','created','seen','expires','idle')\n"
    "  if not v[1] or now>=tonumber(v[7]) or now>=tonumber(v[6])+tonumber(v[8]) then redis.call('HDEL',KEYS[1],all[i])\n"
    "  else out[#out+1]=v end\n"
    "end\n"
    "return out\n";

/* KEYS bucket. ARGV cost, per minute, burst. Time is the server's: all processes agree. Returns ms to wait, 0 = taken. */
static const char limit_lua[] =
    "local t=redis.call('TIME'); local now=t[1]*1000+math.floor(t[2]/1000)\n"
    "local cost,rate,burst=tonumber(ARGV[1]),ARGV[2]/60000,tonumber(ARGV[3])\n"
    "local b=redis.call('HMGET',KEYS[1],'v','t')\n"
    "local v=tonumber(b[1] or burst)\n"
    "v=math.min(burst,v+math.max(0,now-(b[2] or now))*rate)\n"
    "local wait=0\n"
    "if v>=cost then v=v-cost else wait=math.max(1,math.ceil((cost-v)/rate)) end\n"
    "redis.call('HSET',KEYS[1],'v',string.format('%.6f',v),'t',string.format('%.0f',now))\n"
    "redis.call('PEXPIRE',KEYS[1],string.format('%.0f',math.ceil((burst-v)/rate)+1000))\n"
    "return wait\n";

/* Epoch, offset and seq are born together and die together. Born: no meta (flushed, expired), or the server is another
 * process than the one that wrote it, whose log may be older than what it once handed out (D12). */
#define META_LUA                                                                                                                 \
    "local function meta(mk,lk,run,fresh)\n"                                                                                     \
    "  local m=redis.call('HMGET',mk,'e','o','s','r')\n"                                                                         \
    "  if m[1] and m[4]==run then return m[1],tonumber(m[2]),tonumber(m[3]) end\n"                                               \
    "  redis.call('DEL',mk,lk)\n"                                                                                                \
    "  redis.call('HSET',mk,'e',fresh,'o','0','s','0','r',run)\n"                                                                \
    "  return fresh,0,0\n"                                                                                                       \
    "end\n"                                                                                                                      \
    "local function num(n) return string.format('%.0f',n) end\n"

/* KEYS meta and log of each item, relayed. ARGV run_id, fresh epoch, more s, at ms, bus channel; of each item seq, size, ttl s,
 * channel, key, data. Items in order; returns {published, epoch, offset} of each, one after the other. An error leaves out what stands behind it.
 * Bus message: "P <epoch> <offset> <channel bytes> <key bytes> <data bytes>\n" channel key data. */
static const char publish_lua[] =
    META_LUA
    "local out={}\n"
    "for i=1,(#KEYS-1)/2 do\n"
    "  local mk,lk,b=KEYS[2*i-1],KEYS[2*i],6*i-1\n"
    "  local seq,size,ttl,ch,key,data=ARGV[b+1],ARGV[b+2],ARGV[b+3],ARGV[b+4],ARGV[b+5],ARGV[b+6]\n"
    "  local e,o,s=meta(mk,lk,ARGV[1],ARGV[2])\n"
    "  local life,new=num(ttl+ARGV[3]),0\n"
    "  if tonumber(seq)<=s then redis.call('EXPIRE',mk,life)\n"
    "  else\n"
    "    local function add()\n"
    "      return redis.pcall('XADD',lk,'MAXLEN','=',size,num(o)..'-0','d',data,'t',ARGV[4],'k',key)\n"
    "    end\n"
    "    new=1; o=o+1\n"
    "    local r=add()\n"
    "    if type(r)=='table' and r.err then\n"
    "      redis.call('DEL',lk); e=ARGV[2]; o=1\n"
    "      r=add()\n"
    "      if type(r)=='table' and r.err then return r end\n"
    "    end\n"
    "    redis.call('HSET',mk,'e',e,'o',num(o),'s',seq,'r',ARGV[1])\n"
    "    redis.call('EXPIRE',mk,life)\n"
    "    redis.call('EXPIRE',lk,ttl)\n"
    "    redis.call('SET',KEYS[#KEYS],seq)\n"
    "    redis.call('PUBLISH',ARGV[5],'P '..e..' '..num(o)..' '..#ch..' '..#key..' '..#data..'\\n'..ch..key..data)\n"
    "  end\n"
    "  out[#out+1]=new; out[#out+1]=e; out[#out+1]=num(o)\n"
    "end\n"
    "return out\n";

/* KEYS meta, log. ARGV run_id, fresh epoch, more s, epoch wanted ("" any), verb ("" none), from, to, count. */
static const char read_lua[] =
    META_LUA
    "local e,o=meta(KEYS[1],KEYS[2],ARGV[1],ARGV[2])\n"
    "if redis.call('TTL',KEYS[1])<tonumber(ARGV[3]) then redis.call('EXPIRE',KEYS[1],ARGV[3]) end\n"
    "if ARGV[5]=='' or (ARGV[4]~='' and ARGV[4]~=e) then return {e,num(o),{}} end\n"
    "return {e,num(o),redis.call(ARGV[5],KEYS[2],ARGV[6],ARGV[7],'COUNT',ARGV[8])}\n";

/* KEYS presence. ARGV node, life ms, list ("" = gone). */
static const char presence_put_lua[] =
    "local t=redis.call('TIME'); local now=t[1]*1000+math.floor(t[2]/1000)\n"
    "if ARGV[3]=='' then return redis.call('HDEL',KEYS[1],ARGV[1]) end\n"
    "redis.call('HSET',KEYS[1],ARGV[1],string.format('%.0f\\n',now+ARGV[2])..ARGV[3])\n"
    "redis.call('PEXPIRE',KEYS[1],ARGV[2])\n"
    "return 1\n";

/* KEYS presence. Lists of the nodes that still refresh theirs. */
static const char presence_get_lua[] =
    "local t=redis.call('TIME'); local now=t[1]*1000+math.floor(t[2]/1000)\n"
    "local out,all={},redis.call('HGETALL',KEYS[1])\n"
    "for i=1,#all,2 do\n"
    "  local nl=string.find(all[i+1],'\\n',1,true)\n"
    "  local till=nl and tonumber(string.sub(all[i+1],1,nl-1))\n"
    "  if till and till>now then out[#out+1]=string.sub(all[i+1],nl+1) else redis.call('HDEL',KEYS[1],all[i]) end\n"
    "end\n"
    "return out\n";

/* KEYS lane. ARGV most entries, delivery ids. Returns how many were added. */
static const char lane_add_lua[] =
    "local room=tonumber(ARGV[1])-redis.call('XLEN',KEYS[1])\n"
    "local n=math.max(0,math.min(room,#ARGV-1))\n"
    "for i=2,n+1 do redis.call('XADD',KEYS[1],'*','d',ARGV[i]) end\n"
    "return n\n";

/* KEYS lane. ARGV group, worker, idle ms, count, 1: also its own. Returns {{entry, times so far, delivery}, ...}. What it holds itself stands
 * among the others: so many more are looked at. */
static const char lane_claim_lua[] =
    "local out={}\n"
    "local p=redis.pcall('XPENDING',KEYS[1],ARGV[1],'IDLE',ARGV[3],'-','+',1000)\n"
    "if p.err then return out end\n"
    "for _,row in ipairs(p) do\n"
    "  if #out>=tonumber(ARGV[4]) then break end\n"
    "  local got={}\n"
    "  if ARGV[5]=='1' or row[2]~=ARGV[2] then got=redis.call('XCLAIM',KEYS[1],ARGV[1],ARGV[2],ARGV[3],row[1]) end\n"
    "  if got[1] then out[#out+1]={row[1],row[4],got[1][2][2]} end\n"
    "end\n"
    "return out\n";

/* KEYS lane. ARGV group, entries. */
static const char lane_ack_lua[] =
    "redis.pcall('XACK',KEYS[1],unpack(ARGV))\n"
    "redis.call('XDEL',KEYS[1],unpack(ARGV,2))\n"
    "return 1\n";

/* KEYS lane. ARGV group. Returns {entries, handed out}. */
static const char lane_depth_lua[] =
    "local p=redis.pcall('XPENDING',KEYS[1],ARGV[1])\n"
    "return {redis.call('XLEN',KEYS[1]),p.err and 0 or p[1]}\n";

/* allowed a second, tokens wanted, answers and throttled ones since the last call -> granted, rate in thousandths (D25) */
static const char rate_lua[] =
    "local t=redis.call('TIME') local now=t[1]*1000+math.floor(t[2]/1000)\n"
    "local a,want=tonumber(ARGV[1]),tonumber(ARGV[2])\n"
    "local h=redis.call('HMGET',KEYS[1],'a','r','v','t','jt','n','x')\n"
    "local r,v,at,jt,n,x=tonumber(h[2]),tonumber(h[3]),tonumber(h[4]),tonumber(h[5]),tonumber(h[6]),tonumber(h[7])\n"
    "if tonumber(h[1])~=a or not x then r=a v=a/4 at=now jt=now n=0 x=0 end\n"
    "n=n+tonumber(ARGV[3]) x=x+tonumber(ARGV[4])\n"
    "if now-jt>=1000 then\n"
    "if n>0 and x*20>n then r=math.max(1,r*0.9) elseif r<a then r=math.min(a,r+math.max(1,a/50)) end\n"
    "jt=now n=0 x=0 end\n"
    "v=math.min(math.max(1,r/4),v+math.max(0,now-at)/1000*r)\n"
    "local g=math.max(0,math.min(want,math.floor(v+0.000001)))\n"
    "redis.call('HSET',KEYS[1],'a',ARGV[1],'r',tostring(r),'v',tostring(v-g),'t',now,'jt',jt,'n',n,'x',x)\n"
    "redis.call('PEXPIRE',KEYS[1],ARGV[5])\n"
    "return {g,math.floor(r*1000)}\n";
/* KEYS credential, lock. ARGV made ms that is not new enough, mark of the asker, life of the lock, 1: the value is of no use. The lock is the asker's also when
 * it holds it already: an answer that got lost does not lock it out. */
static const char cred_get_lua[] =
    "local m=redis.call('HMGET',KEYS[1],'m','v')\n"
    "if m[1] and m[2] and tonumber(m[1])>tonumber(ARGV[1]) then return {1,m[2]} end\n"
    "if ARGV[4]=='1' then redis.call('DEL',KEYS[1]) end\n"
    "local l=redis.call('GET',KEYS[2])\n"
    "if l and l~=ARGV[2] then return {2,''} end\n"
    "redis.call('SET',KEYS[2],ARGV[2],'PX',ARGV[3])\n"
    "return {0,''}\n";

/* KEYS credential, lock. ARGV mark, made ms, sealed, life ms. An older one never takes the place of a newer one. */
static const char cred_put_lua[] =
    "if redis.call('GET',KEYS[2])==ARGV[1] then redis.call('DEL',KEYS[2]) end\n"
    "local m=redis.call('HGET',KEYS[1],'m')\n"
    "if m and tonumber(m)>tonumber(ARGV[2]) then return 0 end\n"
    "redis.call('HSET',KEYS[1],'m',ARGV[2],'v',ARGV[3])\n"
    "redis.call('PEXPIRE',KEYS[1],ARGV[4])\n"
    "return 1\n";

/* KEYS lock. ARGV mark. */
static const char cred_release_lua[] =
    "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end\n"
    "return 0\n";

const char *script_text(enum script s) {
    switch (s) {
    case SCRIPT_SESSION_CREATE: return session_create_lua;
    case SCRIPT_SESSION_GET: return session_get_lua;
    case SCRIPT_SESSION_DELETE: return session_delete_lua;
    case SCRIPT_SESSION_LIST: return session_list_lua;
    case SCRIPT_LIMIT: return limit_lua;
    case SCRIPT_PUBLISH: return publish_lua;
    case SCRIPT_READ: return read_lua;
    case SCRIPT_PRESENCE_PUT: return presence_put_lua;
    case SCRIPT_PRESENCE_GET: return presence_get_lua;
    case SCRIPT_LANE_ADD: return lane_add_lua;
    case SCRIPT_LANE_CLAIM: return lane_claim_lua;
    case SCRIPT_LANE_ACK: return lane_ack_lua;
    case SCRIPT_LANE_DEPTH: return lane_depth_lua;
    case SCRIPT_RATE: return rate_lua;
    case SCRIPT_CRED_GET: return cred_get_lua;
    case SCRIPT_CRED_PUT: return cred_put_lua;
    case SCRIPT_CRED_RELEASE: return cred_release_lua;
    case SCRIPT_NONE:
    case SCRIPT_MAX: break;
    }
    UNREACHABLE("no such script");
}
