// vaultrevoke_test.go: a leaked key goes at once, and no old one comes back.

package token

import "testing"

// A key that leaked: its tokens end at once, and it is not replaced by one that
// was put away before.
func TestRevoke(t *testing.T) {
	storage, clock := tempStorage(t), newClock()
	v, other := openVault(t, storage, clock), openVault(t, storage, clock)
	first := v.Keys(clock.now())[0].KID
	text1 := mustMint(t, v.Snapshot(clock.now()), claimsAt(clock, day))
	clock.forward(hour)
	if _, err := v.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.forward(hour)
	second := v.Snapshot(clock.now()).signer.kid
	text2 := mustMint(t, v.Snapshot(clock.now()), claimsAt(clock, day))

	if err := v.Revoke(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	ring := v.Snapshot(clock.now())
	refused(t, ring, "token of the revoked key", text2, unknownKey)
	if _, err := ring.Verify(text1); err != nil {
		t.Errorf("token of another key: %v", err)
	}
	if ring.signer.kid == first || ring.signer.kid == second {
		t.Error("no new key signs")
	}
	if err := other.Refresh(t.Context()); err != nil || other.Snapshot(clock.now()).ID() != ring.ID() {
		t.Errorf("the other node has another ring (%v)", err)
	}

	// With a key on its way, that one takes over now.
	pending, err := v.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Revoke(t.Context(), ring.signer.kid); err != nil {
		t.Fatal(err)
	}
	if got := v.Snapshot(clock.now()).signer.kid; got != pending.KID {
		t.Errorf("%s signs; want the key that was pending, %s", got, pending.KID)
	}
	if err := v.Revoke(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	refused(t, v.Snapshot(clock.now()), "token of a revoked old key", text1, unknownKey)
	if err := v.Revoke(t.Context(), first); err == nil {
		t.Error("revoking a key twice is silent")
	}
	if infos := v.Keys(clock.now()); len(infos) != 1 || infos[0].State != Signing {
		t.Errorf("Keys = %+v", infos)
	}
}
