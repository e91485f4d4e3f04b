-- The bank feed of the main account. Its lines are used from covered_from to the day of the refresh.
--
-- A feed that was refreshed up to feed_stands_days before as_of counts as covering those days, too: the age of the feed
-- is a fact of its own (72 h is the limit run's gate). If it is older, facts that depend on the last days are unknown.
-- So are facts that depend on days before covered_from.
--
-- An unclassified transaction never counts in the user's favour: it is no income, no advance or repayment, and no
-- essential transaction. Money out is taken for spending, and for essential spending where that is deducted from a pay.
-- Fees, returned debits, transfers, gambling and advances due, which count against the user, are unknown if it may be
-- one of them. A transaction that could not be read (unread_on) counts as an unclassified one of either sign; what was
-- spent and the balances before its day are unknown, too.
--
-- Where changes_unknown, the bank may have changed any transaction: only their dates and today's balance are believed.
-- Where still_reading, older transactions are yet to come: the age of the history and the income streams are unknown.
--
-- The numbers are those of rules/policies/fact_terms.yaml, as macros. A currency that it does not have has no
-- min_deposit and no healthy_balance: what needs them is unknown.
WITH accounts AS MATERIALIZED (
    SELECT
        -- Counted within the query: what groups and joins by a number is twice as fast as by an id.
        row_number() OVER ()::INTEGER AS account,
        subject_id,
        as_of,
        covered_from,
        NOT coalesce(still_reading, FALSE) AS feed_complete,
        NOT coalesce(login_required, FALSE) AS feed_connected,
        -- NULL where the feed begins after its own refresh: none of it is believed.
        CASE WHEN covered_from <= utc_day(refreshed_at) THEN least(utc_day(refreshed_at), as_of) END AS covered_to,
        covered_to >= as_of - feed_stands_days() AS is_fresh,
        is_fresh AND NOT coalesce(changes_unknown, FALSE) AS is_sound,
        at_least_zero(as_of - unread_on)::INTEGER AS unread_age,
        -- Ages, in days before as_of, of the first and last of the last 60 days whose balance is taken as known.
        CASE WHEN opening_balance IS NULL THEN -1 ELSE least(as_of - covered_from, 59, as_of - unread_on) END::INTEGER
            AS first_age,
        CASE WHEN is_fresh THEN 0 ELSE as_of - covered_to END::INTEGER AS last_age,
        as_of - covered_from AS covered_age,
        -- Means are taken over those of the last 90 days that the feed covers.
        covered_to - greatest(covered_from, as_of - 89) + 1 AS mean_days,
        is_sound AND covered_age >= 29 AS knows_30d,
        is_sound AND covered_age >= 59 AS knows_60d,
        is_sound AND covered_age >= 89 AS knows_90d,
        is_sound AND covered_age >= least_mean_days() - 1 AS knows_means,
        -- What a pay has to reach; NULL where streams may have ended or begun unseen.
        CASE WHEN is_sound AND feed_complete THEN min_deposit_of(currency) END AS min_deposit,
        healthy_balance_of(currency) AS healthy_balance,
        -- The balances of all accounts are one running sum, so none may be NULL.
        coalesce(opening_balance, 0) AS opening,
        -- Ignore holds that the bank authorised after the decision time.
        utc_day(refreshed_at) <= as_of OR epoch_us(refreshed_at) <= epoch_us(judged_at) AS is_before_judgement,
        CASE WHEN is_before_judgement THEN holds END AS holds,
        CASE WHEN is_before_judgement AND is_fresh THEN available_balance END AS told_available,
        CASE WHEN covered_to IS NOT NULL THEN at_least_zero(epoch_us(judged_at) - epoch_us(refreshed_at)) / 3.6e9 END
            AS age_hours,
        CASE WHEN covered_to IS NOT NULL THEN institution_id END AS institution_id,
        CASE WHEN covered_to IS NOT NULL THEN linked_accounts END AS linked_accounts
    FROM subjects
    JOIN feeds USING (subject_id, currency)
    WHERE covered_from <= as_of
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
-- Aggregates with a selective FILTER scan all rows, so the few rows that are used for more than totals are filtered
-- first.
noted AS MATERIALIZED (
    SELECT row_number() OVER () AS line, account, age, amount, kind, counterparty
    FROM booked
    WHERE is_noted(kind)
),
-- A reversal has the kind of what it reverses and the opposite sign. It undoes the latest booking of its amount that is
-- not undone yet, as a closing bracket closes the latest open one: at each depth, bookings and reversals alternate.
-- Windows without an order run in that of the rows; the depth of the first of a kind and amount does not matter.
nested AS (
    SELECT
        line,
        age,
        undoes,
        {
            'account': account,
            'sort': sort,
            'size': size,
            'depth': sum(CASE WHEN undoes THEN -1 ELSE 1 END) OVER (ROWS UNBOUNDED PRECEDING) + undoes::INTEGER
        } AS bracket
    FROM (
        FROM (
            SELECT line, account, age, counterparty, abs(kind) AS sort, abs(amount) AS size, is_reversal(kind) AS undoes
            FROM noted
        )
        SEMI JOIN (
            SELECT account, abs(kind) AS sort, abs(amount) AS size
            FROM noted
            WHERE is_reversal(kind)
        ) USING (account, sort, size)
        ORDER BY account, sort, size, age DESC, undoes, counterparty
    )
),
undone AS (
    SELECT line
    FROM (FROM nested ORDER BY bracket, age DESC, undoes)
    QUALIFY CASE
        WHEN undoes AND lag(bracket) OVER () = bracket THEN lag(age) OVER () - age
        WHEN NOT undoes AND lead(bracket) OVER () = bracket THEN age - lead(age) OVER ()
    END <= reversal_days()
),
standing AS MATERIALIZED (
    SELECT account, age, amount, kind, counterparty, min_deposit, covered_age
    FROM noted
    ANTI JOIN undone USING (line)
    JOIN accounts USING (account)
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
        (sum(amount) FILTER (age < 90 AND kind = kind_of('loan')))::BIGINT AS lent_90d,
        (sum(amount) FILTER (age < 90 AND kind = unclassified()))::BIGINT AS unclassified_90d,
        -(sum(amount) FILTER (age < 90 AND kind = -kind_of('loan')))::BIGINT AS served_90d,
        -(sum(amount) FILTER (age < 90 AND kind = -kind_of('gambling')))::BIGINT AS gambled_90d,
        -(sum(amount) FILTER (age < 90 AND kind = -kind_of('transfer')))::BIGINT AS transfers_90d,
        -- The age of the latest unclassified transaction, by sign.
        min(age) FILTER (kind = -unclassified()) AS unclassified_out,
        min(age) FILTER (kind = unclassified()) AS unclassified_in,
        -- The last deposit of an unknown payer that may belong to a stream.
        min(age) FILTER (amount >= min_deposit AND (is_income(kind) OR kind = unclassified())) AS doubtful_deposit
    FROM standing
    WHERE NOT has_payer(kind, counterparty) AND (age < 90 OR (age < income_window_days() AND amount >= min_deposit))
    GROUP BY account
),
-- What is open with each provider of advances.
debts AS (
    SELECT
        account,
        sum(open)::BIGINT AS advances_due,
        count(*) FILTER (open > 0 OR latest_advance < advance_term_days()) AS providers
    FROM (
        SELECT
            account,
            min(age) FILTER (amount > 0) AS latest_advance,
            list_sort(list({'day': -age, 'paid': -amount})) AS moves,
            open_principal(moves, list_filter(moves, lambda move: move.paid < 0)) AS open
        FROM standing
        WHERE age < 90 AND abs(kind) = kind_of('advance')
        GROUP BY account, coalesce(counterparty, '')
    )
    GROUP BY account
),
-- Days are numbered through all accounts, 60 of each: the balance at the end of the first is an entry, and what the
-- account ended with is taken off at the first of the next account, so that the running sum of all entries is the
-- balance of each. A sum by account takes twice as long and more. An empty entry splits the 60 days into two windows.
entries AS (
    SELECT unnest([account * 60, account * 60 + 30, account * 60 + 60]) AS day,
        unnest([opening + coalesce(booked_before, 0), 0, -opening - coalesce(booked, 0)]) AS amount
    FROM accounts
    LEFT JOIN totals USING (account)
    UNION ALL
    SELECT account * 60 + 59 - age, amount
    FROM booked
    WHERE age < 59
),
-- A balance is valid until the day of the next entry: for no day at all where that is of the same day. Only low
-- balances are counted: the other days are healthy. Counts of days that the feed does not cover are not used.
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
            coalesce(lead(day) OVER (), day) - day AS days,
            sum(amount) OVER (ROWS UNBOUNDED PRECEDING) AS balance
        FROM (FROM entries ORDER BY day)
        QUALIFY days > 0 AND balance < highest_healthy_balance()
    )
    JOIN accounts USING (account)
    GROUP BY account
),
-- include: recurring_income
-- Each day's balance is the last one less what was booked since: of the days of a pay cycle, these are the deductions.
cycles AS (
    SELECT account, sum(amount * (coalesce(period, cycle_days()) - 1 - age))::BIGINT AS booked_since
    FROM (SELECT account, age, booked.amount, main.period FROM booked LEFT JOIN incomes USING (account)
        WHERE age < longest_cycle())
    WHERE age < coalesce(period, cycle_days())
    GROUP BY account
),
-- Everything of an account, as one row. DuckDB prepares all that follows a join once more for each join, so that the many
-- expressions of the facts follow none, and what has few columns is joined first.
together AS MATERIALIZED (
    FROM (SELECT account FROM accounts)
    LEFT JOIN cycles USING (account)
    LEFT JOIN debts USING (account)
    LEFT JOIN low_days USING (account)
    LEFT JOIN incomes USING (account)
    LEFT JOIN totals USING (account)
    LEFT JOIN telling USING (account)
    JOIN accounts USING (account)
)
SELECT
    subject_id,
    -- The age of the latest transaction that is unclassified or could not be read; least() ignores NULL.
    least(unclassified_out, unread_age) AS vague_out,
    least(unclassified_in, unread_age) AS vague_in,
    least(doubtful_deposit, unread_age) AS doubtful,
    feed_complete,
    feed_connected,
    CASE WHEN feed_complete AND covered_to IS NOT NULL THEN coalesce(oldest, 0) END AS history_days,
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
    known(knows_means AND none_within(advance_term_days(), vague_in), advances_due) AS competitor_advances_due,
    known(knows_means AND none_within(advance_term_days(), vague_in), providers) AS competitor_advance_providers,
    -- That there is no recurring income is known only where nothing was paid in that may be it.
    CASE
        WHEN main.deposits IS NOT NULL THEN main.deposits
        WHEN knows_means AND min_deposit IS NOT NULL AND none_within(income_window_days(), doubtful)
            AND coalesce(irregular_days_90d, 0) < 2
        THEN 0
    END AS recurring_deposits,
    main.amount AS recurring_deposit_amount,
    ratio(list_aggregate(main.amounts, 'stddev_samp'), list_aggregate(main.amounts, 'avg')) AS recurring_income_cv,
    main.period AS pay_period_days,
    -- A pay that is overdue may be among the unclassified deposits.
    CASE
        WHEN main.days_since <= main.period OR none_within(main.days_since, doubtful)
        THEN main.days_since
    END AS days_since_pay,
    CASE
        WHEN streams > 0 THEN streams
        WHEN recurring_deposits = 0 THEN 0
    END AS income_streams,
    floored(known(knows_means, income_90d) * 30, mean_days) AS monthly_income,
    -- Rounded up. A month's rent falls into every other pay or so, and three months have three of them.
    (known(knows_means AND none_within(90, unread_age), essential_90d) * main.period + mean_days - 1) // mean_days AS essential_spend_per_pay,
    (known(knows_means AND none_within(90, unread_age), served_90d) * main.period + mean_days - 1) // mean_days
        AS debt_service_per_pay,
    ratio(known(knows_means AND none_within(90, vague_out), transfers_90d), income_90d) AS transfer_ratio,
    known(knows_means, income_90d) AS income_90d,
    ratio(known(knows_means AND none_within(90, unread_age), spending_90d), income_90d) AS spend_to_income,
    known(knows_means, lent_90d) AS loans_received_90d,
    known(knows_means AND none_within(90, unread_age), unclassified_90d) AS unclassified_received_90d,
    known(knows_means AND none_within(90, vague_out), gambled_90d) AS gambling_spend_90d,
    ratio(gambling_spend_90d, income_90d) AS gambling_share,
    known(knows_30d AND none_within(30, vague_out), overdraft_fees_30d) AS overdraft_fees_30d,
    known(knows_30d AND none_within(30, vague_in), returned_30d) AS returned_debits_30d,
    known(knows_60d AND none_within(60, vague_in), returned_60d) AS returned_debits_60d,
    known(knows_90d AND none_within(90, vague_in), returned_90d) AS returned_debits_90d,
    known(knows_30d AND first_age >= 29, negative_30d) AS negative_days_30d,
    known(knows_60d AND first_age >= 59, negative_60d) AS overdraft_days_60d,
    CASE
        WHEN knows_60d AND first_age >= 59 AND healthy_balance IS NOT NULL THEN 60 - coalesce(unhealthy_60d, 0)
    END AS healthy_days_60d,
    at_least_zero(first_age - last_age + 1) AS balance_days_60d,
    CASE WHEN is_fresh AND first_age >= 0 THEN opening + coalesce(booked, 0) END AS current_balance,
    coalesce(current_balance - holds, told_available) AS available_balance,
    CASE
        WHEN is_sound AND feed_complete AND first_age >= coalesce(main.period, cycle_days()) - 1
        THEN floored(
            current_balance * (coalesce(main.period, cycle_days()) - 1) - coalesce(booked_since, 0)
                + available_balance,
            coalesce(main.period, cycle_days())
        )
    END AS cycle_available_balance,
    CASE
        WHEN balance_days_60d > 0 AND none_within(60, unread_age) AND (feed_complete OR balance_days_60d = 60)
        THEN floored(
            opening * balance_days_60d + coalesce(amount_days + (1 - last_age) * booked, 0), balance_days_60d
        )
    END AS average_balance,
    institution_id,
    linked_accounts
FROM together
