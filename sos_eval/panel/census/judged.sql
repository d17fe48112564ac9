-- Children by number. What tells events apart is sorted once: short keys, many rows.
create temp table children as
    select authority, child, row_number() over () who from (select distinct authority, child from seen);
-- A conference is told of a referral and of its enquiries, and counts once; the latest return to tell of an event does.
create temp table judged as
    with numbered as (
        select seen.*, who, row_number() over (partition by who, kind, began, year order by spot) nth
        from seen join children using (authority, child)
    )
    select *, case when kind = 'assessment' then ended else began end counted_on, make_date(year, 3, 31) last_day
    from numbered where kind <> 'conference' or nth = 1
    qualify began is null or year = max(year) over (partition by who, kind, began);
