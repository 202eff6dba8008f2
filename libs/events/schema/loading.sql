-- What a command looks at before it decides, and what readers ask again and again. Every row is found by an index: a plan
-- that was made for a small log, or before the first statistics, would read all of a large one. The plan is made once: making
-- it for each call took longer than the call.

-- For many commands in one snapshot: the stored answer if there is one, the heads of the streams each names, and their
-- facts after what the caller has. `n` is the command's place in p_commands; p_places says which command wants a stream.
create or replace function log.load(p_commands uuid[], p_places integer[], p_tenants text[], p_streams text[], p_after integer[])
returns table (n integer, kind text, stream text, version integer, event_id uuid, type text, data jsonb, meta jsonb,
               occurred_at timestamptz, recorded_at timestamptz, seq bigint, own_seq bigint)
language sql stable security definer set search_path = log, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
    select c.n::integer, 'answer', '', 0, k.command_id, k.request_hmac, k.answer, null::jsonb, null::timestamptz,
           null::timestamptz, 0::bigint, null::bigint
      from unnest(p_commands) with ordinality c(id, n) join commands k on k.command_id = c.id
    union all
    select w.n, 'head', s.stream, s.version, null, null, null, null, null, null, 0, null
      from unnest(p_places, p_tenants, p_streams) w(n, tenant, stream)
      join streams s on s.tenant = w.tenant and s.stream = w.stream
    union all
    (select w.n, 'fact', e.stream, e.version, e.event_id, e.type, e.data, e.meta, e.occurred_at, e.recorded_at, e.seq,
            e.own_seq
      from unnest(p_places, p_tenants, p_streams, p_after) w(n, tenant, stream, after)
      join events e on e.tenant = w.tenant and e.stream = w.stream and e.version > w.after
     order by w.n, e.stream, e.version)
$$;

revoke all on function log.load from public;
grant execute on function log.load to :worker, :api;

-- Where the log ends, and of which types facts came after a position, each with its last one; 0 names no types.
create or replace function log.grown(p_after bigint) returns table (head bigint, type text, last bigint)
language sql stable security definer set search_path = log, pg_temp
set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
    select h.seq, t.type, t.last
      from log.head() h
      left join (select e.type, max(e.seq) as last from events e where e.seq > p_after and p_after > 0 group by e.type) t
           on true
$$;

revoke all on function log.grown from public;
grant execute on function log.grown to :worker, :api;

alter function log.missing(text, text[], integer[], text[]) set enable_seqscan = off;
alter function log.missing(text, text[], integer[], text[]) set plan_cache_mode = force_generic_plan;
alter function log.facts_of(text, text, integer, integer) set enable_seqscan = off;
alter function log.facts_of(text, text, integer, integer) set plan_cache_mode = force_generic_plan;
