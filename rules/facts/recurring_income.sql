-- Part of transactions.sql: which income recurs, by payer, and the main stream of each account.
--
-- What a payer pays on days close together is one pay in parts, as old as the last of them; parts that go on are added
-- up to weeks, counted back from the last. Windows without an order run in that of the rows.
parts AS MATERIALIZED (
    SELECT
        account,
        age,
        amount,
        min_deposit,
        covered_age,
        sum((NOT same_payer)::INTEGER) OVER (ROWS UNBOUNDED PRECEDING)::INTEGER AS payer,
        max(CASE WHEN NOT goes_on THEN place * 512 + age END) OVER (ROWS UNBOUNDED PRECEDING) % 512 AS last_part,
        (last_part + (age - last_part) // 7 * 7)::INTEGER AS pay_age
    FROM (
        SELECT
            *,
            row_number() OVER () AS place,
            coalesce(account = lag(account) OVER () AND counterparty = lag(counterparty) OVER (), FALSE) AS same_payer,
            same_payer AND age - lag(age) OVER () < part_days() AS goes_on
        FROM (
            FROM standing
            WHERE has_payer(kind, counterparty) AND age < income_window_days() AND min_deposit IS NOT NULL
            ORDER BY account, counterparty, age
        )
    )
),
pays AS (
    SELECT any_value(account) AS account, payer, pay_age AS age, TRY_CAST(sum(amount) AS BIGINT) AS paid
    FROM parts
    GROUP BY payer, pay_age
    HAVING paid >= any_value(min_deposit)
),
-- The latest six pays of each payer, the latest first, and the days from each to the one before.
payers AS (
    SELECT
        any_value(account) AS account,
        payer,
        min(age, 6)::INTEGER[] AS ages,
        arg_min(paid, age, 6) AS amounts,
        list_transform(ages[2:], lambda age, place: age - ages[place]) AS gaps
    FROM pays
    GROUP BY payer
),
-- More than half of these days fit one cadence, which leaves room for a bonus.
rhythmic AS MATERIALIZED (
    SELECT *, unnest(cadence_of(gaps)) AS cadence
    FROM payers
),
-- One missed pay is allowed, two end the stream: earlier pays are another stream, which has ended if the two are the
-- last.
streams AS (
    SELECT
        account,
        payer,
        coalesce(list_position(list_transform(gaps, lambda gap: gap > max_periods() * cadence.longest), TRUE), len(ages))
            AS deposits,
        rhythmic.amounts[:deposits] AS amounts,
        floor(list_aggregate(within(gaps, cadence), 'median'))::INTEGER AS period,
        ages[1] AS days_since
    FROM rhythmic
    WHERE deposits > 1 AND days_since <= max_periods() * period
),
-- Income of payers without a rhythm, where no stream runs, by windows back from as_of.
irregular AS (
    SELECT
        account,
        age // irregular_window_days() AS slot,
        sum(amount)::BIGINT AS paid,
        min(age) AS latest,
        count(DISTINCT age) AS days,
        any_value(covered_age) >= (slot + 1) * irregular_window_days() - 1 AS is_covered
    FROM parts
    ANTI JOIN rhythmic USING (payer)
    ANTI JOIN streams USING (account)
    GROUP BY account, slot
    HAVING paid >= any_value(min_deposit)
),
-- They are a stream where enough of them in a row, up to the last, reach what a deposit has to.
irregular_streams AS (
    SELECT
        account,
        sum(days) FILTER (slot * irregular_window_days() < 90) AS irregular_days_90d,
        list_sort(list({'slot': slot, 'paid': paid, 'latest': latest}) FILTER (is_covered)) AS windows,
        list_filter(windows, lambda each, place: each.slot = place - 1) AS in_a_row,
        CASE WHEN len(in_a_row) >= irregular_windows() THEN least(len(in_a_row), 6) END AS deposits,
        list_transform(in_a_row[:6], lambda each: each.paid) AS amounts,
        irregular_window_days() AS period,
        in_a_row[1].latest AS days_since
    FROM irregular
    GROUP BY account
),
incomes AS MATERIALIZED (
    SELECT
        account,
        count(deposits) AS streams,
        any_value(irregular_days_90d) AS irregular_days_90d,
        arg_min(
            {'deposits': deposits, 'amounts': amounts, 'amount': amount, 'period': period, 'days_since': days_since},
            CASE WHEN deposits > 0 THEN {'rate': -amount / period, 'days_since': days_since, 'payer': payer} END
        ) AS main
    FROM (
        SELECT *, list_sort(amounts)[(deposits - 1) // 4 + 1] AS amount
        FROM (FROM streams UNION ALL BY NAME FROM irregular_streams)
    )
    GROUP BY account
),
