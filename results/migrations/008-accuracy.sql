-- From version 7: how an accuracy came to be. (No program wrote any before.)
ALTER TABLE accuracy_row ADD COLUMN experiment TEXT;
ALTER TABLE accuracy_row ADD COLUMN rule TEXT;
ALTER TABLE accuracy_row ADD COLUMN gate TEXT;
ALTER TABLE accuracy_row ADD COLUMN select_mode TEXT;
ALTER TABLE accuracy_row ADD COLUMN rank INTEGER;
ALTER TABLE accuracy_row ADD COLUMN epochs REAL;
ALTER TABLE accuracy_row ADD COLUMN epoch_s REAL;
ALTER TABLE accuracy_row ADD COLUMN peak_bytes REAL;
ALTER TABLE accuracy_row ADD COLUMN examples INTEGER;
ALTER TABLE accuracy_row ADD COLUMN explained REAL;
