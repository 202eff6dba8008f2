-- The log of one service: its own facts and those it received, in one gapless order.
-- Roles: :owner owns it all; :worker runs the background; :api serves requests and owns nothing.
create schema log;
grant usage on schema log to :worker, :api;

create table log.service (
    name text primary key,
    api_role text not null,
    only_row boolean not null default true unique check (only_row)
);

create table log.events (
    seq bigint primary key,
    own_seq bigint unique,
    tenant text not null,
    stream text not null,
    version integer not null check (version > 0),
    event_id uuid not null unique,
    type text not null,
    data jsonb not null,
    meta jsonb not null,
    occurred_at timestamptz not null,
    recorded_at timestamptz not null,
    unique (tenant, stream, version)
);

create table log.streams (
    tenant text not null,
    stream text not null,
    version integer not null,
    primary key (tenant, stream)
);

create table log.commands (
    command_id uuid primary key,
    tenant text not null,
    request_hmac text not null,
    answer jsonb not null
);

create table log.time_floor (
    floor timestamptz not null,
    only_row boolean primary key default true check (only_row)
);
insert into log.time_floor values ('-infinity');

-- Which database this is, and what the relay last found out about it (ok, forked, restoring).
create table log.verdict (
    verdict text not null,
    detail text not null default '',
    system_identifier bigint not null,
    timeline_id integer not null,
    only_row boolean primary key default true check (only_row)
);
insert into log.verdict
select 'ok', '', s.system_identifier, c.timeline_id from pg_control_system() s, pg_control_checkpoint() c;

create table log.leases (
    role text primary key,
    epoch bigint not null,
    holder text not null,
    expires_at timestamptz not null,
    unique (role, epoch)
);

-- How far each reader of the log is. live_from: a reaction's attempts begin after this position.
create table log.cursors (
    name text primary key,
    seq bigint not null default 0,
    live_from bigint not null default 0,
    live_since timestamptz not null default '-infinity'
);

create table log.published (
    topic text not null,
    partition integer not null,
    own_seq bigint not null,
    event_id uuid not null,
    primary key (topic, partition)
);

create table log.feeds (
    tenant text primary key,
    partitions integer not null,
    cursor bigint not null default 0,
    counter bigint not null default 0,
    state text not null default 'on',
    detail text not null default ''
);

create table log.ingested (
    source text not null,
    partition integer not null,
    own_seq bigint not null default 0,
    next_offset bigint not null default 0,
    state text not null default 'ok',
    detail text not null default '',
    primary key (source, partition)
);

-- Complete up to t: everything `source` recorded up to t is in this log at or before seq.
create table log.watermarks (
    source text primary key,
    t timestamptz not null,
    seq bigint not null
);

create table log.builds (
    projection text not null,
    version integer not null,
    build integer not null,
    schema_name text not null unique,
    state text not null check (state in ('building', 'ready', 'serving', 'old', 'dropped')),
    cursor bigint not null default 0,
    target bigint not null default 0,
    parts_done integer not null default 0,
    parts integer not null default 1,
    tables_checksum text not null,
    primary key (projection, version, build)
);
create unique index one_build_serves on log.builds (projection, version) where state = 'serving';

create table log.dues (
    deadline text not null,
    tenant text not null,
    key text not null,
    item text not null,
    stamp bigint not null,
    due_at timestamptz,
    done boolean not null default false,
    primary key (deadline, tenant, key, item)
);
create index dues_open on log.dues (due_at) where not done;
create index dues_unknown on log.dues (deadline) where due_at is null;
comment on table log.dues is
    'deadline: name:version of its projection; stamp: the fact that last changed its row; due_at: null to be computed, infinity: nothing runs';

create table log.parked (
    consumer text not null,
    tenant text not null,
    key text not null,
    seq bigint not null,
    error text not null default '',
    waits boolean not null default false,
    retry boolean not null default false,
    parked_at timestamptz not null default clock_timestamp(),
    primary key (consumer, tenant, key, seq)
);
comment on table log.parked is
    'waits: for a subject that has not arrived, tried again by itself; retry: an operator wants it tried again now';

create table log.skips (
    consumer text not null,
    tenant text not null,
    key text not null,
    seq bigint not null,
    reason text not null,
    by text not null,
    at timestamptz not null default clock_timestamp(),
    primary key (consumer, tenant, key, seq)
);

create table log.effects (
    effect_id uuid primary key,
    tenant text not null,
    kind text not null,
    payload jsonb not null,
    state text not null default 'waiting' check (state in ('waiting', 'done', 'failed')),
    tries integer not null default 0,
    next_try timestamptz not null default clock_timestamp(),
    detail text not null default '',
    created_at timestamptz not null default clock_timestamp()
);
create index effects_waiting on log.effects (next_try) where state = 'waiting';

-- The keys that seal personal fields, one per subject; only the subject's owner has any.
create table log.subject_keys (
    tenant text not null,
    subject text not null,
    key bytea not null,
    primary key (tenant, subject)
);

create table log.jobs (
    job_id uuid primary key,
    tenant text not null,
    kind text not null,
    state text not null default 'waiting',
    done bigint not null default 0,
    total bigint not null default 0,
    refused bigint not null default 0,
    detail jsonb not null default '{}',
    updated_at timestamptz not null default clock_timestamp()
);

create function log.lock_append() returns void language sql as $$ select pg_advisory_xact_lock(4701) $$;

-- Raise the time floor: no later fact is recorded at or before t. Answers t, and the heads that are complete up to it.
create function log.tick(p_now timestamptz, out t timestamptz, out own_seq bigint, out seq bigint)
language plpgsql security definer set search_path = log, pg_temp as $$
begin
    perform log.lock_append();
    update time_floor set floor = p_now + interval '1 microsecond' where floor <= p_now;
    select floor - interval '1 microsecond' into t from time_floor;
    select coalesce(max(e.own_seq), 0) into own_seq from events e where e.own_seq is not null;
    select coalesce(max(e.seq), 0) into seq from events e;
end $$;

-- What the relay found out about this database against the broker, kept with the identity of the cluster it was found on.
create function log.judge(p_verdict text, p_detail text) returns void
language sql security definer set search_path = log, pg_temp as $$
    update verdict set verdict = p_verdict, detail = p_detail, system_identifier = s.system_identifier,
                       timeline_id = c.timeline_id
      from pg_control_system() s, pg_control_checkpoint() c
$$;

-- Take or keep leases on database time. Answers the roles held now with their epochs.
create function log.hold(p_holder text, p_roles text[], p_ttl interval) returns table (role text, epoch bigint)
language plpgsql security definer set search_path = log, pg_temp as $$
#variable_conflict use_column
begin
    insert into leases select r, 0, '', '-infinity' from unnest(p_roles) r order by r on conflict do nothing;
    update leases l set expires_at = clock_timestamp() + p_ttl
     where l.role = any (p_roles) and l.holder = p_holder and l.expires_at > clock_timestamp();
    update leases l set epoch = l.epoch + 1, holder = p_holder, expires_at = clock_timestamp() + p_ttl
     where l.role in (select c.role from leases c where c.role = any (p_roles) and c.expires_at <= clock_timestamp()
                      order by c.role for update skip locked)
       and l.expires_at <= clock_timestamp();
    return query select l.role, l.epoch from leases l where l.role = any (p_roles) and l.holder = p_holder;
end $$;

create function log.release(p_holder text) returns void
language sql security definer set search_path = log, pg_temp as $$
    update leases set expires_at = '-infinity', holder = '' where holder = p_holder
$$;

-- Set the tenant and the search path of this transaction from the registry. p_wanted: 'name:version' of each projection.
-- (No fixed search_path here: a function that has one restores it at its end. All names are qualified instead.)
create function log.enter(p_tenant text, p_wanted text[]) returns text
language sql volatile as $$
    select pg_catalog.set_config('app.tenant', p_tenant, true) || pg_catalog.set_config('search_path', coalesce(
        (select pg_catalog.string_agg(pg_catalog.quote_ident(b.schema_name), ', ') from log.builds b
          where b.state = 'serving' and b.projection || ':' || b.version = any (p_wanted)), 'pg_temp'), true)
$$;

-- What a reader of several streams and projections still waits for: names only; `!` before a read model that will not
-- show it before an operator has looked, because the fact is parked there.
create function log.missing(p_tenant text, p_streams text[], p_versions integer[], p_wanted text[]) returns setof text
language sql stable security definer set search_path = log, pg_temp as $$
    with wanted as (
        select w.stream, w.version, (select e.seq from events e
                 where e.tenant = p_tenant and e.stream = w.stream and e.version = w.version) as seq
          from unnest(p_streams, p_versions) w(stream, version))
    select stream || '@' || version from wanted where seq is null
    union all
    select b.projection from builds b
     where b.state = 'serving' and b.projection || ':' || b.version = any (p_wanted)
       and b.cursor < (select max(seq) from wanted)
    union all
    select '!' || p.consumer from parked p
     where p.consumer = any (p_wanted) and p.tenant = p_tenant and p.seq in (select seq from wanted)
$$;

-- Facts after a position that belong to one tenant, for a live stream of changes.
create function log.changes(p_tenant text, p_after bigint, p_upto bigint, p_limit integer)
returns table (seq bigint, stream text, version integer, type text)
language sql stable security definer set search_path = log, pg_temp as $$
    select e.seq, e.stream, e.version, e.type from events e
     where e.seq > p_after and e.seq <= p_upto and e.tenant = p_tenant order by e.seq limit p_limit
$$;

-- The facts of one tenant by their ids or of one stream, for histories and lineage.
create function log.facts_of(p_tenant text, p_stream text, p_after integer, p_limit integer)
returns setof log.events language sql stable security definer set search_path = log, pg_temp as $$
    select * from events where tenant = p_tenant and stream = p_stream and version > p_after order by version limit p_limit
$$;

create function log.head(out seq bigint, out own_seq bigint)
language sql stable security definer set search_path = log, pg_temp as $$
    select coalesce((select max(e.seq) from log.events e), 0),
           coalesce((select max(e.own_seq) from log.events e where e.own_seq is not null), 0)
$$;

create function log.subject_key(p_tenant text, p_subject text, p_new bytea) returns bytea
language sql security definer set search_path = log, pg_temp as $$
    insert into subject_keys values (p_tenant, p_subject, p_new) on conflict do nothing;
    select key from subject_keys where tenant = p_tenant and subject = p_subject
$$;

create function log.known_subject_keys(p_tenant text, p_subjects text[]) returns table (subject text, key bytea)
language sql stable security definer set search_path = log, pg_temp as $$
    select k.subject, k.key from subject_keys k where k.tenant = p_tenant and k.subject = any (p_subjects)
$$;

revoke all on all functions in schema log from public;
grant execute on all functions in schema log to :worker;
grant execute on function log.enter, log.missing, log.changes, log.facts_of, log.head,
    log.subject_key, log.known_subject_keys, log.lock_append to :api;
grant select on public.migrations to :worker, :api;
grant select on log.builds, log.verdict, log.cursors, log.watermarks, log.ingested, log.service to :api;
grant select on all tables in schema log to :worker;
grant insert, update, delete on log.cursors, log.published, log.feeds, log.ingested, log.watermarks, log.builds, log.dues,
    log.parked, log.skips, log.effects, log.jobs, log.verdict to :worker;
grant update on log.leases to :worker;
