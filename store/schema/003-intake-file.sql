-- Which letters of the intake's file are delivered, and all before the first of them: store/intake.ts. The table `intake`
-- holds those of a backup, and of a gateway that had no such file yet, until the next start.
CREATE TABLE intake_done (
  id INTEGER PRIMARY KEY
);
INSERT INTO intake_done (id) VALUES (0);
