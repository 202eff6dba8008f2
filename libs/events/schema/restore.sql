-- A database without a fact may be a new one, or one that was lost: it takes no commands before the relay has compared it.
update log.verdict set verdict = 'restoring', detail = 'not compared with the broker yet'
 where not exists (select from log.events);

alter table log.cursors add held_until timestamptz;
comment on column log.cursors.held_until is
    'effects of facts recorded up to here may have gone out before a restore: an operator decides about them';
alter table log.cursors add again_to bigint not null default 0;
comment on column log.cursors.again_to is
    'a publisher publishes up to here whatever the broker has: its topic had a hole';

alter table log.effects drop constraint effects_state_check;
alter table log.effects add constraint effects_state_check check (state in ('waiting', 'held', 'done', 'failed'));

alter table log.builds add as_of bigint, add recorded_by timestamptz, add tenant text;
comment on column log.builds.as_of is
    'as_of, recorded_by, tenant: made of facts up to this position, recorded by then, of this tenant; never serves';

-- Take own facts back from the topic they were published on, under the numbers they had.
-- p_facts: the next own_seq on, gapless; p_answers: [{id, tenant, answer}], what is known of their commands' answers.
create function log.restore(p_facts jsonb, p_answers jsonb) returns bigint
language plpgsql security definer set search_path = log, pg_temp as $$
declare v_seq bigint; v_own bigint; v_last bigint;
begin
    perform log.lock_append();
    if not exists (select from verdict where verdict = 'restoring') then
        raise exception 'this log takes commands: it is not being restored' using errcode = 'SL005';
    end if;
    if exists (select from leases where expires_at > clock_timestamp()) then
        raise exception 'a worker runs; stop the workers of this service first' using errcode = 'SL005';
    end if;
    select coalesce(max(seq), 0) into v_seq from events;
    select coalesce(max(own_seq), 0) into v_own from events where own_seq is not null;
    with new as (
        insert into events
        select v_seq + row_number() over (order by f.own_seq), f.own_seq, f.tenant, f.stream, f.version, f.event_id,
               f.type, f.data, f.meta, f.occurred_at, f.recorded_at
          from jsonb_to_recordset(p_facts) as f(own_seq bigint, tenant text, stream text, version integer,
               event_id uuid, type text, data jsonb, meta jsonb, occurred_at timestamptz, recorded_at timestamptz)
        returning tenant, stream, version)
    insert into streams select tenant, stream, max(version) from new group by tenant, stream
    on conflict (tenant, stream) do update set version = excluded.version;
    select max(own_seq) into v_last from events where own_seq is not null;
    if v_last <> v_own + jsonb_array_length(p_facts) then
        raise exception 'own facts after % are not without a gap', v_own using errcode = 'SL005';
    end if;
    insert into commands
    select a.id, a.tenant, '', a.answer from jsonb_to_recordset(p_answers) as a(id uuid, tenant text, answer jsonb)
    on conflict do nothing;
    return v_last;
end $$;

-- No later fact is recorded at or before t: what this log recorded before it was lost.
create function log.not_before(p_t timestamptz) returns void
language sql security definer set search_path = log, pg_temp as $$
    select log.lock_append();
    update time_floor set floor = p_t + interval '1 microsecond' where floor <= p_t
$$;

revoke all on function log.restore, log.not_before from public;
grant execute on function log.restore, log.not_before to :worker;
