-- Keys of subjects can be destroyed, and wrapped anew. An empty key is one that was destroyed: no new one is ever made.
create or replace function log.known_subject_keys(p_tenant text, p_subjects text[])
returns table (subject text, key bytea)
language sql stable security definer set search_path = log, pg_temp as $$
    select k.subject, k.key from subject_keys k
     where k.tenant = p_tenant and k.subject = any (p_subjects) and k.key <> ''
$$;

create function log.forget(p_tenants text[], p_subjects text[]) returns void
language sql security definer set search_path = log, pg_temp as $$
    insert into subject_keys select t, s, '' from unnest(p_tenants, p_subjects) f(t, s)
    on conflict (tenant, subject) do update set key = ''
$$;

-- Each key in the place of the one it was read as; those that changed meanwhile stay as they are.
create function log.rewrap(p_tenants text[], p_subjects text[], p_old bytea[], p_new bytea[]) returns bigint
language sql security definer set search_path = log, pg_temp as $$
    with done as (
        update subject_keys k set key = r.new from unnest(p_tenants, p_subjects, p_old, p_new) r(tenant, subject, old, new)
         where k.tenant = r.tenant and k.subject = r.subject and k.key = r.old returning 1)
    select count(*) from done
$$;

revoke all on function log.forget, log.rewrap from public;
grant execute on function log.forget, log.rewrap to :worker;
grant maintain on log.subject_keys to :worker;
