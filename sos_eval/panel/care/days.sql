-- Who was born on 29 February has a birthday on 1 March of other years.
create temp macro birthday(dob, years) as case
  when month(dob) = 2 and day(dob) = 29 and month(dob + to_years(years)) = 2 and day(dob + to_years(years)) = 28
    then make_date(year(dob) + years, 3, 1) else (dob + to_years(years))::date end;
create temp macro age_on(dob, day) as
  year(day) - year(dob) - (month(day) * 100 + day(day) < month(dob) * 100 + day(dob))::integer;
