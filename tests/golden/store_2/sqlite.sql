ALTER TABLE erasures RENAME COLUMN customer_sha256 TO customer_hash;
