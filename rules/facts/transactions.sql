-- What the bank feed of the main account says. Its lines are believed from covered_from to the day of the refresh.
--
-- A feed that was refreshed up to feed_stands_days before as_of stands for those days, too: the age of the feed is a
-- fact of its own (72 h is the limit run's gate). One that is older says nothing of the present: whatever hangs on the
-- last days is unknown. So is whatever hangs on days before covered_from.
--
-- A transaction that nobody could classify counts for nothing that speaks for the user: neither as income nor as an
-- advance or a repayment shown, nor as an essential transaction. Money out is taken for spending, and for essential
-- spending in what an advance has to leave untouched. Fees, returned debits, transfers, gambling and advances due, which
-- speak against the user, are unknown where it may be one of them. A transaction that could not be read (unread_on)
-- counts as one that nobody could classify, of either sign; what was spent and the balances before its day are unknown,
-- too.
--
-- Where changes_unknown, the bank may have changed any transaction: only their dates and today's balance are believed.
-- Where still_reading, older transactions are yet to come: the age of the history and the income streams are unknown.
--
-- The numbers are those of rules/policies/fact_terms.yaml, as macros. A currency that it does not have has no
-- min_deposit and no healthy_balance: what needs them is unknown.
WITH connections AS (
    SELECT
        subject_id,
        NOT coalesce(still_reading, FALSE) AS feed_complete,
        NOT coalesce(login_required, FALSE) AS feed_connected
    FROM subjects
    JOIN feeds USING (subject_id, currency)
    WHERE covered_from <= as_of
),
accounts AS MATERIALIZED (
    SELECT
        -- Counted within the query: what groups and joins by a number is twice as fast as by an id.
        row_number() OVER ()::INTEGER AS account,
        subject_id,
        as_of,
        covered_from,
        least(utc_day(refreshed_at), as_of) AS covered_to,
        covered_to >= as_of - feed_stands_days() AS is_fresh,
        is_fresh AND NOT coalesce(changes_unknown, FALSE) AS is_sound,
        coalesce(still_reading, FALSE) AS is_partial,
        at_least_zero(as_of - unread_on)::INTEGER AS unread_age,
        -- Ages, in days before as_of, of the first and last of the last 60 days whose balance is taken as known.
        CASE WHEN opening_balance IS NULL THEN -1 ELSE least(as_of - covered_from, 59, as_of - unread_on) END::INTEGER
            AS first_age,
        CASE WHEN is_fresh THEN 0 ELSE as_of - covered_to END::INTEGER AS last_age,
        -- Means are taken over those of the last 90 days that the feed covers.
        covered_to - greatest(covered_from, as_of - 89) + 1 AS mean_days,
        is_sound AND covered_from <= as_of - 29 AS knows_30d,
        is_sound AND covered_from <= as_of - 59 AS knows_60d,
        is_sound AND covered_from <= as_of - 89 AS knows_90d,
        is_sound AND covered_from <= as_of - (least_mean_days() - 1) AS knows_means,
        min_deposit,
        healthy_balance,
        -- The balances of all accounts are one running sum, so none may be NULL.
        coalesce(opening_balance, 0) AS opening,
        -- Ignore holds that the bank authorised after the decision time.
        utc_day(refreshed_at) <= as_of OR epoch_us(refreshed_at) <= epoch_us(judged_at) AS is_before_judgement,
        CASE WHEN is_before_judgement THEN holds END AS holds,
        CASE WHEN is_before_judgement AND is_fresh THEN available_balance END AS told_available,
        at_least_zero(epoch_us(judged_at) - epoch_us(refreshed_at)) / 3.6e9 AS age_hours,
        institution_id,
        linked_accounts
    FROM subjects
    JOIN feeds USING (subject_id, currency)
    LEFT JOIN currency_terms() USING (currency)
    WHERE covered_from <= as_of AND covered_from <= utc_day(refreshed_at)
),
-- A window of n days has the ages below n. Money out has the negative kinds.
booked AS MATERIALIZED (
    SELECT
        account,
        (as_of - booked_on)::INTEGER AS age,
        amount,
        (sign(amount) * kind_of(category))::TINYINT AS kind,
        counterparty
    FROM transactions
    JOIN accounts USING (subject_id)
    WHERE booked_on BETWEEN covered_from AND covered_to
),
totals AS (
    SELECT
        account,
        max(age) AS oldest,
        min(age) AS latest,
        sum(amount)::BIGINT AS booked,
        (sum(amount) FILTER (age >= 59))::BIGINT AS booked_before,
        sum(amount * least(age, 59))::BIGINT AS amount_days,
        count(*) FILTER (age < 90) AS all_90d,
        count(*) FILTER (age < 30 AND is_essential(kind)) AS essential_30d,
        -(sum(amount) FILTER (age < 90 AND may_be_essential(kind)))::BIGINT AS essential_90d,
        (sum(amount) FILTER (age < 90 AND is_income(kind)))::BIGINT AS income_90d,
        -(sum(amount) FILTER (age < 90 AND is_spending(kind)))::BIGINT AS spending_90d
    FROM booked
    GROUP BY account
),
-- Few rows tell of trouble. Aggregates with a selective FILTER scan all rows, so these are filtered first.
trouble AS MATERIALIZED (
    SELECT account, age, amount, kind, counterparty
    FROM booked
    WHERE age < 90
        AND kind IN (
            unclassified(), -unclassified(), kind_of('advance'), -kind_of('advance'), -kind_of('overdraft_fee'),
            kind_of('returned'), kind_of('loan'), -kind_of('loan'), -kind_of('gambling'), -kind_of('transfer')
        )
    UNION ALL
    SELECT account, unread_age, 0, unnest([-unclassified(), unclassified()]), NULL
    FROM accounts
    WHERE unread_age < 90
),
telling AS (
    SELECT
        account,
        count(*) FILTER (age < 30 AND kind = kind_of('advance')) AS advances_30d,
        count(*) FILTER (age < 60 AND kind = kind_of('advance')) AS advances_60d,
        count(*) FILTER (age < 90 AND kind = kind_of('advance')) AS advances_90d,
        count(*) FILTER (age < 30 AND kind = -kind_of('advance')) AS repayments_30d,
        count(*) FILTER (age < 60 AND kind = -kind_of('advance')) AS repayments_60d,
        count(*) FILTER (age < 90 AND kind = -kind_of('advance')) AS repayments_90d,
        (sum(amount) FILTER (age < 90 AND kind = kind_of('advance')))::BIGINT AS borrowed_90d,
        -(sum(amount) FILTER (age < 90 AND kind = -kind_of('advance')))::BIGINT AS repaid_90d,
        count(*) FILTER (age < 30 AND kind = -kind_of('overdraft_fee')) AS overdraft_fees_30d,
        count(*) FILTER (age < 30 AND kind = kind_of('returned')) AS returned_30d,
        count(*) FILTER (age < 60 AND kind = kind_of('returned')) AS returned_60d,
        count(*) FILTER (age < 90 AND kind = kind_of('returned')) AS returned_90d,
        (sum(amount) FILTER (kind = kind_of('loan')))::BIGINT AS lent_90d,
        (sum(amount) FILTER (kind = unclassified()))::BIGINT AS unclassified_90d,
        -(sum(amount) FILTER (kind = -kind_of('loan')))::BIGINT AS served_90d,
        -(sum(amount) FILTER (kind = -kind_of('gambling')))::BIGINT AS gambled_90d,
        -(sum(amount) FILTER (kind = -kind_of('transfer')))::BIGINT AS transfers_90d,
        -- How long ago something was booked last that nobody could classify.
        min(age) FILTER (kind = -unclassified()) AS unclassified_out,
        min(age) FILTER (kind = unclassified()) AS unclassified_in
    FROM trouble
    GROUP BY account
),
-- A reversal has the kind of what it reverses and the opposite sign. It undoes the latest booking of its amount that is
-- not undone yet, as a closing bracket closes the latest open one: at each depth, bookings and reversals alternate.
reversals AS (
    SELECT DISTINCT account, abs(kind) AS sort, abs(amount) AS size
    FROM booked
    WHERE is_reversal(kind)
),
nested AS (
    SELECT
        *,
        sum(CASE WHEN undoes THEN -1 ELSE 1 END) OVER (
            PARTITION BY account, sort, size ORDER BY age DESC, undoes, counterparty ROWS UNBOUNDED PRECEDING
        ) + undoes::INTEGER AS depth
    FROM (
        SELECT account, age, amount, kind, counterparty, sort, size, is_reversal(kind) AS undoes
        FROM booked
        JOIN reversals USING (account)
        WHERE abs(kind) = sort AND abs(amount) = size
    )
),
undone AS MATERIALIZED (
    SELECT account, age, amount, kind, counterparty
    FROM nested
    WINDOW depths AS (PARTITION BY account, sort, size, depth ORDER BY age DESC, undoes)
    QUALIFY CASE WHEN undoes THEN lag(age) OVER depths - age ELSE age - lead(age) OVER depths END <= reversal_days()
),
undone_counts AS (
    SELECT
        account,
        count(*) FILTER (age < 30 AND kind = -kind_of('overdraft_fee')) AS overdraft_fees_30d,
        count(*) FILTER (age < 30 AND kind = kind_of('returned')) AS returned_30d,
        count(*) FILTER (age < 60 AND kind = kind_of('returned')) AS returned_60d,
        count(*) FILTER (age < 90 AND kind = kind_of('returned')) AS returned_90d
    FROM undone
    GROUP BY account
),
-- What a repayment exceeds the largest advance of its provider by, up to a share of it, is the fee of that advance.
advances AS MATERIALIZED (
    SELECT account, coalesce(counterparty, '') AS provider, age, amount, count(*) AS times
    FROM trouble
    WHERE abs(kind) = kind_of('advance')
    GROUP BY ALL
),
principals AS (
    SELECT account, provider, age, amount * times AS principal
    FROM advances
    WHERE amount > 0
    UNION ALL
    SELECT
        repaid.account, repaid.provider, repaid.age,
        any_value(repaid.times) * -coalesce(max(borrowed.amount), -repaid.amount)
    FROM advances AS repaid
    LEFT JOIN advances AS borrowed
        ON borrowed.account = repaid.account AND borrowed.provider = repaid.provider AND borrowed.amount > 0
        AND borrowed.age >= repaid.age
        AND -repaid.amount BETWEEN borrowed.amount AND borrowed.amount * (1 + max_fee_share())
    WHERE repaid.amount < 0
    GROUP BY repaid.account, repaid.provider, repaid.age, repaid.amount
),
-- What is open never falls below zero: that is the largest sum of the last days, over any number of them.
providers AS (
    SELECT account, provider, min(age) FILTER (is_advance) AS latest_advance, at_least_zero(max(since)) AS open
    FROM (
        SELECT
            account, provider, age, bool_or(principal > 0) AS is_advance,
            sum(sum(principal)) OVER (PARTITION BY account, provider ORDER BY age ROWS UNBOUNDED PRECEDING) AS since
        FROM principals
        GROUP BY account, provider, age
    )
    GROUP BY account, provider
),
debts AS (
    SELECT
        account,
        sum(open)::BIGINT AS advances_due,
        count(*) FILTER (open > 0 OR latest_advance < advance_term_days()) AS providers
    FROM providers
    GROUP BY account
),
-- Days are numbered through all accounts, 60 of each: the balance at the end of the first is an entry, less what the
-- account before it ended with, so that the running sum of all entries is the balance of each. A sum by account takes
-- twice as long and more. An empty entry splits the 60 days into two windows of 30.
entries AS (
    SELECT
        account * 60 AS day,
        opening + coalesce(booked_before, 0)
        - lag(opening + coalesce(booked, 0), 1, 0) OVER (ORDER BY account) AS amount
    FROM accounts
    LEFT JOIN totals USING (account)
    UNION ALL
    SELECT account * 60 + 30, 0
    FROM accounts
    UNION ALL
    SELECT account * 60 + 59 - age, amount
    FROM booked
    WHERE age < 59
),
-- A balance stands until the day of the next entry: for no day at all where that is of the same day.
standing AS (
    SELECT
        day,
        lead(day) OVER () AS next_day,
        sum(amount) OVER (ROWS UNBOUNDED PRECEDING) AS balance
    FROM (FROM entries ORDER BY day)
),
-- Only low balances are counted: the other days are healthy. Counts of days that the feed does not cover are not used.
low_days AS (
    SELECT
        account,
        sum(days) FILTER (balance < 0) AS negative_60d,
        sum(days) FILTER (balance < 0 AND day >= account * 60 + 30) AS negative_30d,
        sum(days) FILTER (balance < healthy_balance) AS unhealthy_60d
    FROM (
        SELECT
            day // 60 AS account,
            day,
            coalesce(least(next_day, (account + 1) * 60), (account + 1) * 60) - day AS days,
            balance
        FROM standing
        WHERE days > 0 AND balance < (SELECT coalesce(max(healthy_balance), 0) FROM accounts)
    )
    JOIN accounts USING (account)
    GROUP BY account
),
-- include: recurring_income
-- Each day's balance is the last one less what was booked since: of the days of a pay cycle, these are the deductions.
cycles AS (
    SELECT account, sum(amount * (coalesce(period, cycle_days()) - 1 - age))::BIGINT AS booked_since
    FROM (SELECT account, age, booked.amount, period FROM booked LEFT JOIN main_streams USING (account)
        WHERE age < longest_cycle())
    WHERE age < coalesce(period, cycle_days())
    GROUP BY account
)
SELECT
    subject_id,
    feed_complete,
    feed_connected,
    CASE WHEN NOT is_partial THEN coalesce(oldest, 0) END AS history_days,
    -- A stale feed may lack later ones.
    CASE WHEN is_fresh THEN latest END AS days_since_transaction,
    age_hours AS feed_age_hours,
    known(knows_means, all_90d) * 30 / mean_days AS transactions_per_month,
    known(knows_30d, essential_30d) AS essential_transactions,
    known(knows_30d, advances_30d) AS competitor_advances_30d,
    known(knows_60d, advances_60d) AS competitor_advances_60d,
    known(knows_90d, advances_90d) AS competitor_advances_90d,
    known(knows_30d, repayments_30d) AS competitor_repayments_30d,
    known(knows_60d, repayments_60d) AS competitor_repayments_60d,
    known(knows_90d, repayments_90d) AS competitor_repayments_90d,
    known(knows_90d, borrowed_90d) AS competitor_borrowed_90d,
    known(knows_90d, repaid_90d) AS competitor_repaid_90d,
    known(knows_means AND none_within(advance_term_days(), unclassified_in), advances_due) AS competitor_advances_due,
    known(knows_means AND none_within(advance_term_days(), unclassified_in), providers) AS competitor_advance_providers,
    -- That there is no recurring income is known only where nothing was paid in that may be it.
    CASE
        WHEN main_streams.deposits IS NOT NULL THEN main_streams.deposits
        WHEN knows_means AND NOT is_partial AND min_deposit IS NOT NULL AND doubtful_deposit IS NULL
            AND coalesce(irregular_days_90d, 0) < 2
        THEN 0
    END AS recurring_deposits,
    main_streams.amount AS recurring_deposit_amount,
    ratio(list_aggregate(amounts, 'stddev_samp'), list_aggregate(amounts, 'avg')) AS recurring_income_cv,
    main_streams.period AS pay_period_days,
    -- A pay that is overdue may be among the deposits that nobody could tell.
    CASE
        WHEN main_streams.days_since <= main_streams.period OR none_within(main_streams.days_since, doubtful_deposit)
        THEN main_streams.days_since
    END AS days_since_pay,
    CASE
        WHEN main_streams.streams IS NOT NULL THEN main_streams.streams
        WHEN recurring_deposits = 0 THEN 0
    END AS income_streams,
    floored(known(knows_means, income_90d) * 30, mean_days) AS monthly_income,
    -- Rounded up. A month's rent falls into every other pay or so, and three months have three of them.
    (known(knows_means AND none_within(90, unread_age), essential_90d) * main_streams.period + mean_days - 1) // mean_days AS essential_spend_per_pay,
    (known(knows_means AND none_within(90, unread_age), served_90d) * main_streams.period + mean_days - 1) // mean_days
        AS debt_service_per_pay,
    ratio(known(knows_means AND none_within(90, unclassified_out), transfers_90d), totals.income_90d) AS transfer_ratio,
    known(knows_means, totals.income_90d) AS income_90d,
    ratio(known(knows_means AND none_within(90, unread_age), spending_90d), totals.income_90d) AS spend_to_income,
    known(knows_means, lent_90d) AS loans_received_90d,
    known(knows_means AND none_within(90, unread_age), unclassified_90d) AS unclassified_received_90d,
    known(knows_means AND none_within(90, unclassified_out), gambled_90d) AS gambling_spend_90d,
    ratio(gambling_spend_90d, totals.income_90d) AS gambling_share,
    known(knows_30d AND none_within(30, unclassified_out), telling.overdraft_fees_30d)
        - coalesce(undone_counts.overdraft_fees_30d, 0) AS overdraft_fees_30d,
    known(knows_30d AND none_within(30, unclassified_in), telling.returned_30d)
        - coalesce(undone_counts.returned_30d, 0) AS returned_debits_30d,
    known(knows_60d AND none_within(60, unclassified_in), telling.returned_60d)
        - coalesce(undone_counts.returned_60d, 0) AS returned_debits_60d,
    known(knows_90d AND none_within(90, unclassified_in), telling.returned_90d)
        - coalesce(undone_counts.returned_90d, 0) AS returned_debits_90d,
    known(knows_30d AND first_age >= 29, negative_30d) AS negative_days_30d,
    known(knows_60d AND first_age >= 59, negative_60d) AS overdraft_days_60d,
    CASE
        WHEN knows_60d AND first_age >= 59 AND healthy_balance IS NOT NULL THEN 60 - coalesce(unhealthy_60d, 0)
    END AS healthy_days_60d,
    at_least_zero(first_age - last_age + 1) AS balance_days_60d,
    CASE WHEN is_fresh AND first_age >= 0 THEN opening + coalesce(booked, 0) END AS current_balance,
    coalesce(current_balance - holds, told_available) AS available_balance,
    CASE
        WHEN is_sound AND NOT is_partial AND first_age >= coalesce(main_streams.period, cycle_days()) - 1
        THEN floored(
            current_balance * (coalesce(main_streams.period, cycle_days()) - 1) - coalesce(booked_since, 0)
                + available_balance,
            coalesce(main_streams.period, cycle_days())
        )
    END AS cycle_available_balance,
    CASE
        WHEN balance_days_60d > 0 AND none_within(60, unread_age) AND (NOT is_partial OR balance_days_60d = 60)
        THEN floored(
            opening * balance_days_60d + coalesce(amount_days + (1 - last_age) * booked, 0), balance_days_60d
        )
    END AS average_balance,
    institution_id,
    linked_accounts
FROM connections
LEFT JOIN accounts USING (subject_id)
LEFT JOIN totals USING (account)
LEFT JOIN telling USING (account)
LEFT JOIN undone_counts USING (account)
LEFT JOIN debts USING (account)
LEFT JOIN low_days USING (account)
LEFT JOIN doubts USING (account)
LEFT JOIN irregular_days USING (account)
LEFT JOIN main_streams USING (account)
LEFT JOIN cycles USING (account)
