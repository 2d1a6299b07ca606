ALTER TABLE tact.erasures RENAME COLUMN customer_sha256 TO customer_hash;
CREATE FUNCTION tact.settle_in_time(p_decision text, p_message text, p_state text)
RETURNS boolean LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  v_customer text;
BEGIN
  SELECT customer_id INTO v_customer FROM tact.sends
    WHERE decision_id = p_decision AND message_id = p_message AND state = 'reserved';
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM 1 FROM tact.customers WHERE customer_id = v_customer FOR UPDATE;
  UPDATE tact.sends s SET state = p_state
    WHERE s.decision_id = p_decision AND s.message_id = p_message AND s.state = 'reserved'
      AND (p_state = 'released' OR NOT EXISTS (
        SELECT 1 FROM tact.sends o WHERE o.customer_id = v_customer AND o.state <> 'released'
          AND o.decided_at >= s.reserved_until
          AND (o.decision_id, o.message_id) <> (p_decision, p_message)));
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE tact.customers SET version = version + 1 WHERE customer_id = v_customer;
  RETURN true;
END $$;
