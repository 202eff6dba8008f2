-- Run once in a service's new database, as its superuser: the rights of dev/provision.py. Passwords come with the managed roles.
do $$
declare
    base constant text := current_database();
    owner constant text := pg_get_userbyid((select datdba from pg_database where datname = base));
    worker constant text := regexp_replace(owner, '_owner$', '_worker');
    api constant text := regexp_replace(owner, '_owner$', '_api');
    role text;
begin
    foreach role in array array[worker, api] loop
        execute format('create role %I login nosuperuser nobypassrls nocreatedb nocreaterole noreplication', role);
    end loop;
    execute format('revoke all on database %I from public', base);
    execute format('grant connect, temporary on database %I to %I, %I', base, owner, worker);
    execute format('grant connect on database %I to %I', base, api);
    execute format('grant create on database %I to %I', base, worker);
    revoke create on schema public from public;
    execute format('grant execute on function pg_control_system(), pg_control_checkpoint() to %I', owner);
end
$$;
