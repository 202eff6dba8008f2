-- The two ways in which facts come into the log. What a batch has written is never looked for in the table: a plan that was
-- made for a small log would read all of a large one.

-- Append a batch of commands, each all or nothing.
-- p_batch: {"commands": [{id, hmac, tenant, loaded: {"tenant stream": version}, after: {"tenant stream": version},
--                         answer}], "facts": [{c: index of its command, tenant, stream, version, event_id, type, data,
--                         meta, occurred_at}]}
-- Answers one object per command, {"status": "appended" | "seen" | "conflict", ...}, and for how many seconds it waited for
-- the lock and then held it (without the commit itself).
create or replace function log.append(p_now timestamptz, p_batch jsonb) returns jsonb
language plpgsql security definer set search_path = log, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan as $$
declare
    v_seq bigint; v_own bigint; v_at timestamptz; v_service text;
    v_heads jsonb; v_seen jsonb; v_command jsonb; v_index integer := -1;
    v_accepted integer[] := '{}'; v_results jsonb[] := '{}'; v_stream text;
    v_begun timestamptz := clock_timestamp(); v_waited double precision; v_foreign bigint;
    v_plain boolean;
begin
    perform log.lock_append();
    v_waited := extract(epoch from clock_timestamp() - v_begun);
    if not exists (select from verdict v, pg_control_system() s, pg_control_checkpoint() c
                   where v.verdict = 'ok' and v.system_identifier = s.system_identifier
                     and v.timeline_id = c.timeline_id) then
        raise exception 'this database is being restored' using errcode = 'SL001';
    end if;
    select name into v_service from service;
    select coalesce(max(seq), 0) into v_seq from events;
    select coalesce(max(own_seq), 0) into v_own from events where own_seq is not null;
    select greatest(p_now, floor, (select recorded_at from events where seq = v_seq),
                    (select recorded_at from events where own_seq = v_own))
      into v_at from time_floor;
    -- The usual batch: no command was seen before, each stream is named by one command and is where that one saw it.
    with l as materialized (
        select split_part(l.key, ' ', 1) as tenant, substr(l.key, strpos(l.key, ' ') + 1) as stream, l.value::integer as version
          from jsonb_array_elements(p_batch -> 'commands') c, jsonb_each_text(c -> 'loaded') l),
    ids as materialized (
        select (c ->> 'id')::uuid as command_id from jsonb_array_elements(p_batch -> 'commands') c)
    select (select count(*) = count(distinct (tenant, stream)) from l)
           and not exists (select from l left join streams s using (tenant, stream)
                            where coalesce(s.version, 0) <> l.version)
           and (select count(*) = count(distinct command_id) from ids)
           and not exists (select from ids join commands k using (command_id))
      into v_plain;
    if v_plain then
        select array_agg(n - 1 order by n), array_agg('{"status": "appended"}'::jsonb) into v_accepted, v_results
          from jsonb_array_elements(p_batch -> 'commands') with ordinality c(value, n);
    else
        select coalesce(jsonb_object_agg(s.tenant || ' ' || s.stream, s.version), '{}') into v_heads
          from (select distinct split_part(l.key, ' ', 1) as tenant, substr(l.key, strpos(l.key, ' ') + 1) as stream
                  from jsonb_array_elements(p_batch -> 'commands') c, jsonb_each(c -> 'loaded') l) wanted
          join streams s using (tenant, stream);
        select coalesce(jsonb_object_agg(k.command_id, jsonb_build_object('hmac', k.request_hmac, 'answer', k.answer)), '{}')
          into v_seen
          from jsonb_array_elements(p_batch -> 'commands') c join commands k on k.command_id = (c ->> 'id')::uuid;

        for v_command in select value from jsonb_array_elements(p_batch -> 'commands') loop
            v_index := v_index + 1;
            if v_seen ? (v_command ->> 'id') then
                v_results := v_results || ((v_seen -> (v_command ->> 'id')) || '{"status": "seen"}'::jsonb);
                continue;
            end if;
            v_stream := null;
            select l.key into v_stream from jsonb_each(v_command -> 'loaded') l
             where coalesce((v_heads ->> l.key)::integer, 0) <> l.value::integer limit 1;
            if v_stream is not null then
                v_results := v_results || jsonb_build_object('status', 'conflict', 'stream', v_stream, 'current',
                                                             coalesce((v_heads ->> v_stream)::integer, 0));
                continue;
            end if;
            v_accepted := v_accepted || v_index;
            v_heads := v_heads || (v_command -> 'after');
            v_seen := v_seen || jsonb_build_object(v_command ->> 'id', jsonb_build_object(
                'hmac', v_command ->> 'hmac', 'answer', v_command -> 'answer'));
            v_results := v_results || '{"status": "appended"}'::jsonb;
        end loop;
    end if;

    if cardinality(v_accepted) > 0 then
        with new as (
            insert into events
            select v_seq + row_number() over (order by f.n), v_own + row_number() over (order by f.n), f.tenant, f.stream,
                   f.version, f.event_id, f.type, f.data, f.meta, f.occurred_at, v_at
              from rows from (jsonb_to_recordset(p_batch -> 'facts') as (c integer, tenant text, stream text,
                              version integer, event_id uuid, type text, data jsonb, meta jsonb, occurred_at timestamptz))
                   with ordinality as f(c, tenant, stream, version, event_id, type, data, meta, occurred_at, n)
             where f.c = any (v_accepted)
            returning tenant, stream, version),
        heads as (
            insert into streams select tenant, stream, max(version) from new group by tenant, stream
            on conflict (tenant, stream) do update set version = excluded.version)
        select count(*) into v_foreign from new where left(stream, length(v_service) + 1) <> v_service || '/';
        if v_foreign > 0 then
            raise exception 'a service appends to its own streams only' using errcode = 'SL002';
        end if;
        insert into commands
        select (c.value ->> 'id')::uuid, c.value ->> 'tenant', c.value ->> 'hmac', c.value -> 'answer'
          from jsonb_array_elements(p_batch -> 'commands') with ordinality c(value, n)
         where c.n - 1 = any (v_accepted);
    end if;
    return jsonb_build_object('results', to_jsonb(v_results), 'waited', v_waited,
                              'held', extract(epoch from clock_timestamp() - v_begun) - v_waited);
end $$;

-- Copy received facts of some partitions into the log. p_batch: [{source, partition, from (own_seq now stored), to,
-- next_offset, facts: [...], repeated: [event ids that must be known]}]. Raises SL003 when fenced, SL004 when forked.
create or replace function log.ingest(p_role text, p_epoch bigint, p_batch jsonb) returns bigint
language plpgsql security definer set search_path = log, pg_temp as $$
declare v_seq bigint; v_part jsonb; v_moved integer;
begin
    perform log.lock_append();
    perform from leases where role = p_role and epoch = p_epoch for key share;
    if not found then raise exception 'the lease % moved on', p_role using errcode = 'SL003'; end if;
    for v_part in select value from jsonb_array_elements(p_batch) loop
        if exists (select from jsonb_array_elements_text(v_part -> 'repeated') r
                   where not exists (select from events e where e.event_id = r::uuid)) then
            raise exception '% partition %: a repeated fact is unknown here', v_part ->> 'source', v_part ->> 'partition'
                using errcode = 'SL004';
        end if;
        update ingested set own_seq = (v_part ->> 'to')::bigint, next_offset = (v_part ->> 'next_offset')::bigint,
                            state = 'ok', detail = ''
         where source = v_part ->> 'source' and partition = (v_part ->> 'partition')::integer
           and own_seq = (v_part ->> 'from')::bigint;
        get diagnostics v_moved = row_count;
        if v_moved = 0 then raise exception 'another ingest was here' using errcode = 'SL003'; end if;
    end loop;
    select coalesce(max(seq), 0) into v_seq from events;
    with new as (
        insert into events
        select v_seq + row_number() over (order by p.n, f.n), null, f.tenant, f.stream, f.version, f.event_id, f.type,
               f.data, f.meta, f.occurred_at, f.recorded_at
          from jsonb_array_elements(p_batch) with ordinality p(part, n),
               rows from (jsonb_to_recordset(p.part -> 'facts') as (tenant text, stream text, version integer,
                          event_id uuid, type text, data jsonb, meta jsonb, occurred_at timestamptz,
                          recorded_at timestamptz))
               with ordinality as f(tenant, stream, version, event_id, type, data, meta, occurred_at, recorded_at, n)
        returning tenant, stream, version)
    insert into streams select tenant, stream, max(version) from new group by tenant, stream
    on conflict (tenant, stream) do update set version = greatest(streams.version, excluded.version);
    return (select coalesce(max(seq), 0) from events);
end $$;

revoke all on function log.append, log.ingest from public;
grant execute on function log.append to :worker, :api;
grant execute on function log.ingest to :worker;
