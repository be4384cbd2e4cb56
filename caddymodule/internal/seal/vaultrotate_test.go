// vaultrotate_test.go: a new key seals at once, an old one opens to the end.

package seal

import (
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// Node one rotates. Node two has not heard of it when the first value under the
// new key reaches it, and goes on sealing with the old key for a while.
func TestRotationOnTwoNodes(t *testing.T) {
	storage, clock := tempStorage(t), &fakeClock{}
	one := openVault(t, storage, clock)
	two := openVault(t, &certmagic.FileStorage{Path: storage.Path}, clock)
	before := mustSeal(t, one, "before", place)

	clock.forward(time.Hour)
	info := rotate(t, one)
	if info.State != Sealing || !info.Created.Equal(start.Add(time.Hour)) || info.ID == idOf(before).String() {
		t.Errorf("Rotate = %+v", info)
	}
	after := mustSeal(t, one, "after", place)
	if idOf(after).String() != info.ID {
		t.Error("the new key does not seal at once")
	}
	late := mustSeal(t, two, "late", place)
	if idOf(late) != idOf(before) {
		t.Error("node two knows the new key by magic")
	}
	for name, v := range map[string]*Vault{"one": one, "two": two} {
		opens(t, v, name+", before", before, place, "before")
		opens(t, v, name+", after", after, place, "after")
		opens(t, v, name+", late", late, place, "late")
		forged(t, v, name+", moved", after, otherSpot)
	}
	if idOf(mustSeal(t, two, "x", place)) != idOf(after) {
		t.Error("node two met the new key and still seals with the old one")
	}
	infos := two.Infos()
	want := start.Add(time.Hour + 24*time.Hour + openSlack)
	if len(infos) != 2 || infos[0].ID != info.ID || infos[1].State != Opening || !infos[1].OpensUntil.Equal(want) {
		t.Errorf("Infos = %+v; want the old key until %v", infos, want)
	}
}

// A superseded key stays for as long as anything sealed with it can live, then
// goes, and what it sealed is forged from then on.
func TestOldKeyGoes(t *testing.T) {
	storage, clock := tempStorage(t), &fakeClock{}
	v := openVault(t, storage, clock)
	old := mustSeal(t, v, "old", place)
	rotate(t, v)
	if changed, err := v.RotateIfDue(t.Context(), 0); changed || err != nil {
		t.Errorf("at once: %v, %v", changed, err)
	}
	clock.forward(24*time.Hour + openSlack - time.Second)
	if changed, err := v.RotateIfDue(t.Context(), 0); changed || err != nil {
		t.Errorf("a second before: %v, %v", changed, err)
	}
	opens(t, v, "a second before", old, place, "old")
	clock.forward(time.Second)
	if changed, err := v.RotateIfDue(t.Context(), 0); !changed || err != nil {
		t.Errorf("at the end: %v, %v", changed, err)
	}
	forged(t, v, "at the end", old, place)
	if infos := v.Infos(); len(infos) != 1 || infos[0].State != Sealing {
		t.Errorf("Infos = %+v", infos)
	}
	// After a long absence several go at once.
	for range 3 {
		rotate(t, v)
	}
	clock.forward(48 * time.Hour)
	if changed, err := v.RotateIfDue(t.Context(), 0); !changed || err != nil || len(v.Infos()) != 1 {
		t.Errorf("three at once: %v, %v, %+v", changed, err, v.Infos())
	}
	// The newest key has no end, however long it seals.
	clock.forward(10 * 365 * 24 * time.Hour)
	if changed, err := v.RotateIfDue(t.Context(), 0); changed || err != nil || len(v.Infos()) != 1 {
		t.Errorf("ten years on: %v, %v", changed, err)
	}
}

func TestRotateIfDue(t *testing.T) {
	storage, clock := &faultyStorage{Storage: tempStorage(t)}, &fakeClock{}
	one, two := openVault(t, storage, clock), openVault(t, storage, clock)
	locks := storage.lockAll
	clock.forward(30*24*time.Hour - time.Second)
	if changed, err := one.RotateIfDue(t.Context(), 30*24*time.Hour); changed || err != nil || storage.lockAll != locks {
		t.Errorf("early: %v, %v, %d locks", changed, err, storage.lockAll-locks)
	}
	clock.forward(time.Second)
	if changed, err := one.RotateIfDue(t.Context(), 30*24*time.Hour); !changed || err != nil {
		t.Errorf("due: %v, %v", changed, err)
	}
	// Node two finds it due as well, and under the lock that it is done.
	if changed, err := two.RotateIfDue(t.Context(), 30*24*time.Hour); changed || err != nil {
		t.Errorf("due on node two: %v, %v", changed, err)
	}
	if len(two.Infos()) != 2 || two.Infos()[0] != one.Infos()[0] {
		t.Errorf("node two has %+v", two.Infos())
	}
}

// One node lets values live for a day, another for a month. The month counts, on
// whichever node the key is superseded, and after the month's node is gone.
func TestGreatestLifetimeCounts(t *testing.T) {
	const month = 30 * 24 * time.Hour
	storage, clock := tempStorage(t), &fakeClock{}
	day := openVault(t, storage, clock)
	opts := vaultOptions(storage, clock)
	opts.MaxLifetime = month
	long, err := OpenVault(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	sealed := mustSeal(t, long, "for a month", place)
	rotate(t, day) // has not read the document since
	for name, v := range map[string]*Vault{"day": day, "restarted": openVault(t, storage, clock)} {
		if until := v.Infos()[1].OpensUntil; !until.Equal(start.Add(month + openSlack)) {
			t.Errorf("%s: opens until %v", name, until)
		}
	}
	clock.forward(month)
	if changed, err := day.RotateIfDue(t.Context(), 0); changed || err != nil {
		t.Errorf("%v, %v", changed, err)
	}
	opens(t, day, "after a month", sealed, place, "for a month")
}

// A key dated behind the clock would put an end in the past to the one before
// it. A node that finds itself far behind makes none; a little is nothing.
func TestClockBehind(t *testing.T) {
	storage, clock := tempStorage(t), &fakeClock{}
	v := openVault(t, storage, clock)
	sealed := mustSeal(t, v, "x", place)
	clock.forward(-maxClockError)
	info := rotate(t, v)
	if !info.Created.Equal(start) || idOf(mustSeal(t, v, "y", place)).String() != info.ID {
		t.Errorf("Rotate = %+v; want the date of the key before", info)
	}
	clock.forward(-time.Second)
	if _, err := v.Rotate(t.Context()); err == nil {
		t.Error("rotated on a clock far behind")
	}
	if changed, err := v.RotateIfDue(t.Context(), time.Hour); changed || err != nil {
		t.Errorf("RotateIfDue: %v, %v", changed, err)
	}
	opens(t, v, "old", sealed, place, "x")
	if len(v.Infos()) != 2 {
		t.Errorf("Infos = %+v", v.Infos())
	}
}

// Two rotations within a second: the later one seals, here and after a restart.
func TestRotateTwiceAtOnce(t *testing.T) {
	storage, clock := tempStorage(t), &fakeClock{}
	v := openVault(t, storage, clock)
	for range 3 {
		info := rotate(t, v)
		if got := openVault(t, storage, clock).Infos()[0]; got != info {
			t.Errorf("%+v seals; want %+v", got, info)
		}
	}
}
