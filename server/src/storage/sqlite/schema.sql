-- Schema 1. Times are milliseconds since 1970; what is sealed is named so.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    email TEXT,
    group_name TEXT,
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
    user_id INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    label TEXT,
    state TEXT NOT NULL,
    origin TEXT NOT NULL,
    period INTEGER,                     -- of time-based tokens, in seconds
    last_step INTEGER,
    drift INTEGER NOT NULL DEFAULT 0,
    drift_at_reset INTEGER NOT NULL DEFAULT 0,
    next_event INTEGER,                 -- of event-based tokens
    hash TEXT NOT NULL,
    digits INTEGER NOT NULL,
    sealed_keys BLOB NOT NULL,
    spent BLOB,                         -- steps, eight bytes each
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
    sealed_record BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    guesses INTEGER NOT NULL DEFAULT 0
) STRICT;

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
    confirmed_at INTEGER
) STRICT;

CREATE INDEX handshake_of_token ON handshake (token_id, created);

CREATE TABLE application (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    key_hash BLOB NOT NULL UNIQUE,
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
