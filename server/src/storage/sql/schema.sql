-- Schema 1. Times are milliseconds since 1970; what is sealed is named so. PostgreSQL has the same tables, with its names
-- for the types.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE "user" (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    email TEXT,
    group_name TEXT,
    language TEXT,                      -- of mails; none: as configured
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    locked_until INTEGER,               -- 0: until someone unlocks
    locks INTEGER NOT NULL DEFAULT 0,
    slow_failures INTEGER NOT NULL DEFAULT 0,
    slow_since INTEGER
) STRICT;

CREATE TABLE token (
    id INTEGER PRIMARY KEY,
    serial INTEGER NOT NULL UNIQUE,
    maker_serial TEXT UNIQUE,
    user_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    label TEXT,
    state TEXT NOT NULL,
    origin TEXT NOT NULL,
    period INTEGER,                     -- of time-based tokens, in seconds
    last_step INTEGER,
    drift INTEGER NOT NULL DEFAULT 0,
    drift_at_reset INTEGER NOT NULL DEFAULT 0,
    signed_step INTEGER,                -- of the last signature over typed details
    next_event INTEGER,                 -- of event-based tokens; of temporary ones the number of codes
    hash TEXT NOT NULL,
    digits INTEGER NOT NULL,
    sealed_keys BLOB NOT NULL,
    spent BLOB,                         -- steps, eight bytes each; of temporary ones the codes that were used
    expires_at INTEGER,                 -- of temporary ones
    failures INTEGER NOT NULL DEFAULT 0,
    locked_until INTEGER,
    locks INTEGER NOT NULL DEFAULT 0,
    slow_failures INTEGER NOT NULL DEFAULT 0,
    slow_since INTEGER,
    device_key BLOB,
    device TEXT,
    created_at INTEGER NOT NULL,
    activated_at INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE INDEX token_of_user ON token (user_id);

CREATE TABLE ticket (
    token_id INTEGER PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    sealed_record BLOB,                 -- for an activation online
    sealed_halves BLOB,                 -- for one without a network; erased when the ticket ends
    expires_at INTEGER NOT NULL,
    guesses INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,   -- wrong completions of an activation without a network
    mailed INTEGER NOT NULL DEFAULT 0   -- whether it went to its owner's address
) STRICT;

CREATE INDEX ticket_to_erase ON ticket (expires_at) WHERE sealed_halves IS NOT NULL;

CREATE TABLE handshake (
    session BLOB PRIMARY KEY,
    token_id INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
    request BLOB NOT NULL,
    reply BLOB NOT NULL,
    hash TEXT NOT NULL,
    digits INTEGER NOT NULL,
    sealed_keys BLOB NOT NULL,
    device_key BLOB NOT NULL,
    device TEXT NOT NULL,
    created INTEGER NOT NULL,           -- counts up, to tell the oldest
    expires_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    statement BLOB,                     -- of the device's hardware, with its challenge and time
    challenge BLOB,
    attested_at INTEGER
) STRICT;

CREATE INDEX handshake_of_token ON handshake (token_id, created);

CREATE TABLE application (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE policy (
    group_name TEXT PRIMARY KEY,        -- empty: everyone
    patch TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    entry TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;

-- Counts guesses at serial numbers that nobody activates, so that they cost what others cost.
CREATE TABLE stray_guesses (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;

INSERT INTO stray_guesses VALUES (1, 0);

CREATE TABLE challenge (
    id BLOB PRIMARY KEY,
    application_id INTEGER NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    question TEXT NOT NULL,
    origin TEXT NOT NULL,
    status TEXT NOT NULL,
    wrong_codes INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    token_id INTEGER REFERENCES token (id) ON DELETE SET NULL,
    factors TEXT,
    receipt TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX challenge_of_user ON challenge (user_id, status);
CREATE INDEX challenge_by_age ON challenge (expires_at);
-- A token that is deleted is looked for here.
CREATE INDEX challenge_of_token ON challenge (token_id) WHERE token_id IS NOT NULL;

-- What one phone is asked: the signed request, and how it answered.
CREATE TABLE request (
    challenge_id BLOB NOT NULL REFERENCES challenge (id) ON DELETE CASCADE,
    token_id INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
    hash BLOB NOT NULL,
    request TEXT NOT NULL,
    decision TEXT,
    PRIMARY KEY (challenge_id, token_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX request_of_token ON request (token_id, hash);

-- Where approvals for a user come from: an application, and an address that it names.
CREATE TABLE origin (
    user_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    application_id INTEGER NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    confirmed_at INTEGER,
    pauses INTEGER NOT NULL DEFAULT 0,
    paused_until INTEGER,
    PRIMARY KEY (user_id, application_id, address)
) STRICT, WITHOUT ROWID;

CREATE INDEX origin_by_age ON origin ((COALESCE(paused_until, confirmed_at, 0)));

-- Answers to requests that may be repeated.
CREATE TABLE idempotency (
    application_id INTEGER NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    request BLOB NOT NULL,
    sealed_response BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (application_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_by_age ON idempotency (expires_at);

-- Assertions by which phones got access, each of which counts once.
CREATE TABLE assertion (
    token_id INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
    jti BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (token_id, jti)
) STRICT, WITHOUT ROWID;

CREATE INDEX assertion_by_age ON assertion (expires_at);

-- Tokens of a restored database that nobody has looked at yet.
CREATE TABLE unconfirmed (
    token_id INTEGER PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE
) STRICT;

-- People who administer in the console, and the browsers in which they are signed in.
CREATE TABLE administrator (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    user_id INTEGER REFERENCES "user" (id),
    second_factor INTEGER NOT NULL,
    password TEXT,                      -- stretched
    link_hash BLOB UNIQUE,
    link_expires_at INTEGER,
    failures INTEGER NOT NULL,
    locked_until INTEGER,
    locks INTEGER NOT NULL,
    slow_failures INTEGER NOT NULL,
    slow_since INTEGER,
    created_at INTEGER NOT NULL,
    signed_in_at INTEGER
) STRICT;

CREATE INDEX administrator_of_user ON administrator (user_id);

CREATE TABLE session (
    hash BLOB PRIMARY KEY,
    administrator_id INTEGER NOT NULL REFERENCES administrator (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the hardware of a token's device has stated of its key, and what was made of it.
CREATE TABLE attestation (
    token_id INTEGER PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
    statement BLOB NOT NULL,
    challenge BLOB NOT NULL,
    attested_at INTEGER NOT NULL,
    counter INTEGER NOT NULL DEFAULT 0, -- of App Attest's assertions
    verdict TEXT NOT NULL
) STRICT;

-- Moves to a new phone: the new token, and the one that it takes the place of.
CREATE TABLE move (
    token_id INTEGER PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
    old_serial INTEGER NOT NULL UNIQUE,
    old_key BLOB NOT NULL,              -- of the old device
    session BLOB,                       -- the handshake that used the ticket
    transcript BLOB,
    agreed INTEGER NOT NULL DEFAULT 0,
    moved_at INTEGER,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX move_by_age ON move (expires_at);

-- Endpoints that are told of events. A number is never given twice: deliveries name it.
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER REFERENCES application (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    sealed_secrets BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- What is to leave the server, written with what caused it, and for some days what has left it.
CREATE TABLE outbox (
    id BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    token_id INTEGER REFERENCES token (id) ON DELETE CASCADE,       -- of a wake-up
    webhook_id INTEGER REFERENCES webhook (id) ON DELETE CASCADE,   -- of a webhook, with the number of its event in
    entry INTEGER,                                                  -- the audit
    email TEXT,                                                     -- of a mail
    subject TEXT NOT NULL,
    sealed_content BLOB NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_due ON outbox (kind, webhook_id, due_at) WHERE state = 'waiting';
CREATE INDEX outbox_by_age ON outbox (created_at);
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX outbox_of_token ON outbox (token_id) WHERE token_id IS NOT NULL;
CREATE INDEX outbox_of_webhook ON outbox (webhook_id, created_at) WHERE webhook_id IS NOT NULL;

-- Links by which users sign in to look after their own tokens, and the browsers in which they are signed in.
CREATE TABLE visit_link (
    hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    browser BLOB NOT NULL,              -- the hash of the secret of the browser that asked
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX visit_link_of_user ON visit_link (user_id);

CREATE TABLE visit (
    hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    confirmed_by INTEGER REFERENCES token (id) ON DELETE SET NULL,
    challenge BLOB,                     -- the approval that is to confirm it
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX visit_of_user ON visit (user_id);

-- What the dashboard draws: how often something happened in an hour.
CREATE TABLE hour_count (
    hour INTEGER NOT NULL,
    event TEXT NOT NULL,
    detail TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (hour, event, detail)
) STRICT, WITHOUT ROWID;

CREATE INDEX token_by_state ON token (state);
CREATE INDEX user_by_lock ON "user" (locked_until) WHERE locked_until IS NOT NULL;

-- Where devices are woken. An address belongs to a device, which its token may lose.
CREATE TABLE push_address (
    token_id INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
    device BLOB NOT NULL,               -- the hash of its key
    service TEXT NOT NULL,
    sealed_address BLOB NOT NULL,
    told_at INTEGER NOT NULL,
    PRIMARY KEY (token_id, device)
) STRICT, WITHOUT ROWID;

-- What people are searched by: the name from the beginning of each of its words on, and the address likewise, in small
-- letters. A search is a range of this key.
CREATE TABLE user_search (
    beginning TEXT NOT NULL,
    name TEXT NOT NULL,                 -- the user's: what is found is listed by name
    user_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
    PRIMARY KEY (beginning, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_search_of_user ON user_search (user_id);

-- API keys. An application has two while one takes the place of the other.
CREATE TABLE api_key (
    hash BLOB PRIMARY KEY,
    application_id INTEGER NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    ends_at INTEGER,
    used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_key_of_application ON api_key (application_id, created_at);

-- The latest announcement of the server's keys that the device of a token has heard.
CREATE TABLE heard_keys (
    token_id INTEGER PRIMARY KEY REFERENCES token (id) ON DELETE CASCADE,
    version INTEGER NOT NULL
) STRICT;
