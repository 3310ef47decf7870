-- Times are epoch ms, sizes bytes. Counts and references that must hold are told by `vouchsafe verify`, too.

CREATE TABLE account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  address TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  entity_id TEXT NOT NULL UNIQUE,
  last_uid_validity INTEGER NOT NULL DEFAULT 0, -- grows: no name ever has the same one twice (RFC 9051 2.3.1.1)
  used_bytes INTEGER NOT NULL DEFAULT 0, -- of all its messages
  quota_bytes INTEGER, -- of its own: NULL the usual, 0 none
  created_at INTEGER NOT NULL
);

-- Entities whose account was removed: whoever writes to them is told so at once.
CREATE TABLE departed (
  entity_id TEXT PRIMARY KEY,
  at INTEGER NOT NULL
);

CREATE TABLE password (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  label TEXT NOT NULL,
  hash TEXT NOT NULL,
  stored_key TEXT NOT NULL, -- SCRAM-SHA-256 (RFC 5802 3), base64
  server_key TEXT NOT NULL,
  iterations INTEGER NOT NULL,
  scope TEXT NOT NULL, -- all, imap or smtp
  created_at INTEGER NOT NULL,
  used_at INTEGER,
  used_for TEXT, -- imap or smtp
  UNIQUE (account, label)
);

-- One row, drawn once: what SCRAM's salts are made of.
CREATE TABLE salt (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  secret TEXT NOT NULL
);

CREATE TABLE mailbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES account (id),
  name TEXT NOT NULL,
  uid_validity INTEGER NOT NULL,
  uid_next INTEGER NOT NULL DEFAULT 1,
  highest_modseq INTEGER NOT NULL DEFAULT 1,
  special_use TEXT,
  subscribed INTEGER NOT NULL DEFAULT 1,
  read_only INTEGER NOT NULL DEFAULT 0,
  recent_from INTEGER NOT NULL DEFAULT 1, -- messages from this uid on were shown to no session yet
  vanished_after INTEGER NOT NULL DEFAULT 0, -- expunges with a higher modseq are all in `vanished`
  UNIQUE (account, name)
);

-- What mail clients noted of a mailbox or, without one, of the account (RFC 5464): store/annotation.ts.
CREATE TABLE annotation (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  mailbox INTEGER REFERENCES mailbox (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  value BLOB NOT NULL,
  UNIQUE (account, mailbox, name)
);
CREATE INDEX annotation_mailbox ON annotation (mailbox);

-- Names still subscribed whose mailbox is gone (RFC 9051 6.3.7).
CREATE TABLE lost_subscription (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  UNIQUE (account, name)
);

-- Uids that left a mailbox, in runs, by the modseq at which they did: store/vanished.ts.
CREATE TABLE vanished (
  mailbox INTEGER NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE,
  modseq INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (mailbox, modseq, first)
) WITHOUT ROWID;

-- Bytes as they came, once, however many messages and envelopes hold them.
CREATE TABLE body (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  size INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  file TEXT, -- below blob/, if they are not in `bytes`
  bytes BLOB
);
CREATE INDEX body_file ON body (file) WHERE file IS NOT NULL;

-- How many hold a body beside the first: not in its row, for the bytes would be written again with every count.
CREATE TABLE shared (
  body INTEGER PRIMARY KEY,
  more INTEGER NOT NULL
);

-- What one walk over a body found, kept so that nobody walks again. `header` only where the body is a file.
CREATE TABLE parsed (
  body INTEGER PRIMARY KEY,
  header_size INTEGER NOT NULL,
  envelope TEXT NOT NULL,
  body_structure TEXT NOT NULL,
  basic TEXT NOT NULL,
  listed BLOB NOT NULL, -- some of its header's fields: src/mail/listed.ts
  root TEXT NOT NULL,
  message_id TEXT,
  in_reply_to TEXT,
  reference_ids TEXT NOT NULL,
  subject TEXT NOT NULL,
  sender TEXT NOT NULL,
  sent_at INTEGER,
  malformed TEXT,
  preview TEXT, -- none: nobody asked yet (RFC 8970)
  header BLOB
);

CREATE TABLE message (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  mailbox INTEGER REFERENCES mailbox (id), -- none: it left, and a session may still show it (store/leaving.ts)
  uid INTEGER NOT NULL,
  modseq INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  internal_date INTEGER NOT NULL,
  saved_at INTEGER NOT NULL, -- when it came into this mailbox: RFC 8514
  size INTEGER NOT NULL,
  body INTEGER NOT NULL,
  keywords TEXT NOT NULL,
  provenance TEXT,
  UNIQUE (mailbox, uid)
);

-- Messages that are gone and whose text the full-text index may still have.
CREATE TABLE unindexed (
  message INTEGER PRIMARY KEY
);

-- The copy of a submission under way that its sender sees in Outgoing.
CREATE TABLE outgoing (
  submission TEXT PRIMARY KEY,
  message INTEGER NOT NULL UNIQUE,
  note INTEGER -- the letter beside it that says where it stands
);

-- The web of trust: documents with the few columns they are looked for by.

CREATE TABLE custody (
  id TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  awaits TEXT,
  submission TEXT,
  message_id TEXT,
  envelope_id TEXT NOT NULL,
  body INTEGER,
  data TEXT NOT NULL
);
-- Rows change some five times each, and each index that lists one is written again: most list few.
CREATE INDEX custody_state ON custody (state) WHERE state <> 'done';
CREATE INDEX custody_due_at ON custody (due_at);
CREATE INDEX custody_awaits ON custody (awaits) WHERE awaits IS NOT NULL;
CREATE INDEX custody_submission ON custody (submission) WHERE submission IS NOT NULL;
CREATE INDEX custody_message_id ON custody (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX custody_envelope_id ON custody (envelope_id);

CREATE TABLE submission (
  id TEXT PRIMARY KEY,
  account INTEGER NOT NULL,
  clear_at INTEGER,
  message_id TEXT NOT NULL,
  body INTEGER,
  data TEXT NOT NULL
);
CREATE INDEX submission_account ON submission (account);
CREATE INDEX submission_clear_at ON submission (clear_at) WHERE clear_at IS NOT NULL;
CREATE INDEX submission_message_id ON submission (message_id);

-- Letters of the gateway itself for people whose mail another server keeps, until it has them.
CREATE TABLE posted (
  id TEXT PRIMARY KEY,
  data TEXT NOT NULL
);

CREATE TABLE owed (
  id TEXT PRIMARY KEY,
  neighbour TEXT NOT NULL,
  expires INTEGER NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX owed_neighbour ON owed (neighbour);
CREATE INDEX owed_expires ON owed (expires);

CREATE TABLE link (
  id TEXT PRIMARY KEY,
  data TEXT NOT NULL
);

CREATE TABLE complaint (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  sender TEXT,
  charged TEXT,
  role TEXT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX complaint_at ON complaint (at);
CREATE INDEX complaint_sender ON complaint (sender);
CREATE INDEX complaint_charged ON complaint (charged);

CREATE TABLE ruling (
  id TEXT PRIMARY KEY,
  agent TEXT NOT NULL,
  at INTEGER NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX ruling_agent ON ruling (agent);
CREATE INDEX ruling_at ON ruling (at);

CREATE TABLE critic (
  id TEXT PRIMARY KEY,
  since INTEGER NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX critic_since ON critic (since);

CREATE TABLE credit (
  id TEXT PRIMARY KEY,
  data TEXT NOT NULL
);

CREATE TABLE reach (
  id TEXT PRIMARY KEY,
  data TEXT NOT NULL
);

CREATE TABLE listed (
  id TEXT PRIMARY KEY,
  expires INTEGER NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX listed_expires ON listed (expires);

-- Moves on at every connection, so a backup holds none of it.
CREATE TABLE ratchet (
  id TEXT PRIMARY KEY,
  data TEXT NOT NULL
);

-- Agents whose keys are dead, by their own word.
CREATE TABLE revocation (
  id TEXT PRIMARY KEY,
  data TEXT NOT NULL
);

CREATE TABLE knock (
  id TEXT PRIMARY KEY,
  data TEXT NOT NULL
);

CREATE TABLE household (
  id TEXT PRIMARY KEY,
  data TEXT NOT NULL
);

CREATE TABLE invitation (
  id TEXT PRIMARY KEY,
  expires INTEGER NOT NULL,
  data TEXT NOT NULL
);

CREATE TABLE contact (
  id TEXT PRIMARY KEY,
  entity TEXT NOT NULL,
  address TEXT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX contact_entity ON contact (entity);

CREATE TABLE card (
  id TEXT PRIMARY KEY,
  address TEXT NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX card_address ON card (address);

CREATE TABLE route (
  id TEXT PRIMARY KEY,
  expires INTEGER NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX route_expires ON route (expires);

-- When the owner of a key that ends was last told so; by entity.
CREATE TABLE warning (
  id TEXT PRIMARY KEY,
  data TEXT NOT NULL
);

-- What people said about messages by their mail clients: complaints in their grace minute, made, taken back.
CREATE TABLE gesture (
  id TEXT PRIMARY KEY,
  due_at INTEGER NOT NULL,
  data TEXT NOT NULL
);
CREATE INDEX gesture_due_at ON gesture (due_at);

-- What others complained about somebody who lives here; by entity.
CREATE TABLE repute (
  id TEXT PRIMARY KEY,
  data TEXT NOT NULL
);

-- Written to see whether writing still works: /health.
CREATE TABLE heartbeat (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL
);
