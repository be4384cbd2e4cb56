// broken_test.go: stores with one fault each, made from a good one.

package sessiontest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// forever is what a store makes of "no expiry".
var forever = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// broken are the faults, and the rules that must catch each.
var broken = []struct {
	fault  string
	spoil  func(s session.Store) session.Store
	other  func(s session.Store) session.Store // the fault of the second node only
	caught []string
}{
	{fault: "Mark is always true", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, mark: func(context.Context, string, time.Time) (bool, error) { return true, nil }}
	}, caught: []string{"Mark is true for the first call only", "Mark is true for exactly one of 200 calls at once"}},

	{fault: "Mark looks first and writes later", spoil: func(s session.Store) session.Store {
		var mu sync.Mutex
		seen := map[string]bool{}
		return &faulty{Store: s, mark: func(_ context.Context, key string, _ time.Time) (bool, error) {
			mu.Lock()
			was := seen[key]
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			seen[key] = true
			mu.Unlock()
			return !was, nil
		}}
	}, caught: []string{"Mark is true for exactly one of 200 calls at once"}},

	{fault: "Mark forgets nothing", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, mark: func(ctx context.Context, key string, _ time.Time) (bool, error) {
			return s.Mark(ctx, key, forever)
		}}
	}, caught: []string{"Mark is forgotten at its time and not before", "Mark with a past expiry sets nothing, least of all for ever"}},

	{fault: "marks are each node's own", other: func(s session.Store) session.Store {
		return &faulty{Store: s, mark: func(ctx context.Context, key string, until time.Time) (bool, error) {
			return s.Mark(ctx, "other"+key, until)
		}}
	}, caught: []string{"between nodes: Mark is true for exactly one call"}},

	{fault: "keys are folded to lower case", spoil: func(s session.Store) session.Store {
		fold := func(k string) string {
			b := []byte(k)
			for i, c := range b {
				if 'A' <= c && c <= 'Z' {
					b[i] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
		return &faulty{Store: s, mark: func(ctx context.Context, key string, until time.Time) (bool, error) {
			return s.Mark(ctx, fold(key), until)
		}, create: func(ctx context.Context, r session.Record, limit int) error {
			r.Key = fold(r.Key)
			return s.Create(ctx, r, limit, nil)
		}, get: func(ctx context.Context, key string) (session.Record, *session.Lease, error) {
			return s.Get(ctx, fold(key))
		}}
	}, caught: []string{"Mark tells keys apart by every character and by case", "keys and users may be any 22 characters of the alphabet"}},

	{fault: "a past expiry means for ever", spoil: func(s session.Store) session.Store {
		lasting := func(until time.Time) time.Time {
			if !time.Now().Before(until) {
				return forever
			}
			return until
		}
		return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
			r.ExpiresAt = lasting(r.ExpiresAt)
			return s.Create(ctx, r, limit, nil)
		}, mark: func(ctx context.Context, key string, until time.Time) (bool, error) {
			return s.Mark(ctx, key, lasting(until))
		}, updateValue: func(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
			return s.UpdateValue(ctx, key, lasting(until), change)
		}}
	}, caught: []string{
		"Create with a past expiry keeps nothing, least of all for ever", "Create with a past expiry deletes what is under the key",
		"Mark with a past expiry sets nothing, least of all for ever", "UpdateValue with a past expiry keeps nothing, least of all for ever",
	}},

	{fault: "expired records are visible", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
			r.ExpiresAt = forever
			return s.Create(ctx, r, limit, nil)
		}}
	}, caught: []string{"an expired record is absent for every call", "expired sessions do not count for the limit", "the last expiry of a replaced record counts"}},

	{fault: "Update writes what is gone", spoil: func(s session.Store) session.Store {
		var mu sync.Mutex
		last := map[string]session.Record{}
		return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
			mu.Lock()
			last[r.Key] = r
			mu.Unlock()
			return s.Create(ctx, r, limit, nil)
		}, update: func(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
			mu.Lock()
			r, known := last[key]
			mu.Unlock()
			if !known {
				return session.ErrNotFound
			}
			v, err := change(r.Value)
			if err != nil {
				return err
			}
			r.Value = v
			return s.Create(ctx, r, 0, nil)
		}}
	}, caught: []string{
		"Update of what is not there is ErrNotFound and brings nothing", "Update never resurrects what Delete ended meanwhile",
		"Update never resurrects what DeleteUser ended meanwhile", "Update never resurrects what was pushed out meanwhile",
		"Update that began before a Delete does not write after it", "Update loses none of many at once",
		"between nodes: Update never resurrects what the other ended",
	}},

	{fault: "Update drops the expiry", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, update: func(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
			r, _, err := s.Get(ctx, key)
			if err != nil {
				return err
			}
			if r.Value, err = change(r.Value); err != nil {
				return err
			}
			r.ExpiresAt = forever
			return s.Create(ctx, r, 0, nil)
		}}
	}, caught: []string{"Update keeps the expiry", "Update changes the value and nothing else"}},

	{fault: "Update hides an error of change", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, update: func(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
			if err := s.Update(ctx, key, change); err != nil {
				return errors.New("updating failed")
			}
			return nil
		}}
	}, caught: []string{"Update returns an error of change as it is and writes nothing"}},

	{fault: "no lease ever ends", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, get: func(ctx context.Context, key string) (session.Record, *session.Lease, error) {
			r, l, err := s.Get(ctx, key)
			if l != nil {
				l = new(session.Lease)
			}
			return r, l, err
		}}
	}, caught: slices.Concat([]string{"all leases of a record end, not the last one alone", "a lease that was handed out while its record ended is over",
		"a lease never comes back to life"}, endRules("a lease ends at once by ", ""),
		endRules("between nodes: a lease ends within a second by ", " on the other"))},

	{fault: "every lease is over", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, get: func(ctx context.Context, key string) (session.Record, *session.Lease, error) {
			r, l, err := s.Get(ctx, key)
			if l != nil {
				l = new(session.Lease)
				l.End()
			}
			return r, l, err
		}}
	}, caught: []string{"a lease outlives every call that does not concern its record"}},

	{fault: "the limit is ignored", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, create: func(ctx context.Context, r session.Record, _ int) error { return s.Create(ctx, r, 0, nil) }}
	}, caught: []string{"Create beyond the limit pushes out the oldest by IssuedAt", "a lower limit pushes out as many as it takes",
		"the limit holds when many log in at once", "between nodes: the limit counts sessions of both"}},

	{fault: "a full user is refused", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
			if have, err := s.List(ctx, r.User); err != nil || limit > 0 && len(have) >= limit {
				return errors.Join(err, session.ErrFull)
			}
			return s.Create(ctx, r, 0, nil)
		}}
	}, caught: []string{"Create never pushes out the new one, however old it is", "a replaced session does not count for the limit"}},

	{fault: "the oldest goes, even when it is the new one", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
			if err := s.Create(ctx, r, 0, nil); err != nil || limit <= 0 {
				return err
			}
			have, err := s.List(ctx, r.User)
			for i := 0; i < len(have)-limit; i++ {
				err = errors.Join(err, s.Delete(ctx, have[i].Key))
			}
			return err
		}}
	}, caught: []string{"Create never pushes out the new one, however old it is"}},

	{fault: "Create leaves the user's value alone", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error { return s.Create(ctx, r, limit, nil) }}
	}, caught: []string{"Create changes the user's value along with the session", "many logins of one user at once change the value once each"}},

	{fault: "DeleteUser takes the value along", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, deleteUser: func(ctx context.Context, user string) (int, error) {
			n, err := s.DeleteUser(ctx, user)
			return n, errors.Join(err, s.UpdateValue(ctx, user, forever, func([]byte) ([]byte, error) { return nil, nil }))
		}}
	}, caught: []string{"a user's value and sessions end each by themselves"}},

	{fault: "Delete of an absent record fails", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, del: func(ctx context.Context, key string) error {
			if _, _, err := s.Get(ctx, key); err != nil {
				return err
			}
			return s.Delete(ctx, key)
		}}
	}, caught: []string{"Delete of what is not there succeeds"}},

	{fault: "List has no order", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, list: func(ctx context.Context, user string) ([]session.Record, error) {
			l, err := s.List(ctx, user)
			slices.Reverse(l)
			return l, err
		}}
	}, caught: []string{"List is ordered by IssuedAt, oldest first"}},

	{fault: "DeleteUser leaves one", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, deleteUser: func(ctx context.Context, user string) (int, error) {
			l, err := s.List(ctx, user)
			for i := 1; i < len(l); i++ {
				err = errors.Join(err, s.Delete(ctx, l[i].Key))
			}
			return len(l), err
		}}
	}, caught: []string{"DeleteUser ends all of a user and counts them", "DeleteUser ends every session whose Create had returned",
		"between nodes: DeleteUser ends what the other created", "all methods at once leave records and users in agreement"}},

	{fault: "the store reuses a buffer", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
			err := s.Create(ctx, r, limit, nil)
			clear(r.Value)
			return err
		}}
	}, caught: []string{"byte slices that went in or came out are not modified"}},

	{fault: "values are cut at 64 KiB less one", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
			r.Value = r.Value[:min(len(r.Value), 64<<10-1)]
			return s.Create(ctx, r, limit, nil)
		}}
	}, caught: []string{"values are kept whole, whatever bytes, up to 64 KiB"}},

	{fault: "UpdateValue reads and writes apart", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, updateValue: func(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
			old, err := s.Value(ctx, key)
			if err != nil && !errors.Is(err, session.ErrNotFound) {
				return err
			}
			v, err := change(old)
			if err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
			return s.UpdateValue(ctx, key, until, func([]byte) ([]byte, error) { return v, nil })
		}}
	}, caught: []string{"UpdateValue loses none of many at once", "between nodes: UpdateValue loses none"}},

	{fault: "logins are counted, logouts are not", spoil: func(s session.Store) session.Store {
		counts := map[string]int{}
		var mu sync.Mutex
		return miscounting{&faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
			mu.Lock()
			defer mu.Unlock()
			counts[session.AppTagOf(r.User)]++
			return s.Create(ctx, r, limit, nil)
		}}, func(context.Context) (map[string]int, error) {
			mu.Lock()
			defer mu.Unlock()
			return maps.Clone(counts), nil
		}}
	}, caught: []string{"Count is the number of live sessions of each app", "Count leaves out what expired, within a minute",
		"Count agrees with List after logins and logouts at once", "between nodes: Count counts the sessions of both"}},

	{fault: "all apps are counted as one", spoil: func(s session.Store) session.Store {
		return miscounting{s, func(ctx context.Context) (map[string]int, error) {
			counts, err := s.(session.Counter).Count(ctx)
			return map[string]int{appOne: counts[appOne] + counts[appTwo]}, err
		}}
	}, caught: []string{"Count is the number of live sessions of each app"}},

	{fault: "a node counts its own", other: func(s session.Store) session.Store {
		return miscounting{s, func(context.Context) (map[string]int, error) { return map[string]int{appOne: 5}, nil }}
	}, caught: []string{"between nodes: Count counts the sessions of both"}},

	{fault: "a canceled call is ErrNotFound", spoil: func(s session.Store) session.Store {
		return &faulty{Store: s, get: func(ctx context.Context, key string) (session.Record, *session.Lease, error) {
			r, l, err := s.Get(ctx, key)
			if err != nil {
				err = session.ErrNotFound
			}
			return r, l, err
		}}
	}, caught: []string{"Get with a context that is done is its error, and no half of it"}},

	{fault: "a canceled Create leaves a session that no user has", spoil: func(s session.Store) session.Store {
		var mu sync.Mutex
		half := make(map[string]bool) // that List leaves out
		return &faulty{Store: s, create: func(ctx context.Context, r session.Record, limit int) error {
			if err := ctx.Err(); err != nil {
				mu.Lock()
				half[r.Key] = true
				mu.Unlock()
				return errors.Join(err, s.Create(context.WithoutCancel(ctx), r, limit, nil))
			}
			return s.Create(ctx, r, limit, nil)
		}, list: func(ctx context.Context, user string) ([]session.Record, error) {
			recs, err := s.List(ctx, user)
			mu.Lock()
			defer mu.Unlock()
			return slices.DeleteFunc(recs, func(r session.Record) bool { return half[r.Key] }), err
		}}
	}, caught: []string{"Create with a context that is done is its error, and no half of it"}},

	{fault: "locks that lock nothing", spoil: func(s session.Store) session.Store {
		return mislocking{s, func(context.Context, string) (func(), error) { return func() {}, nil }}
	}, caught: []string{"Lock gives a name to one at a time, and other names meanwhile", "Lock ends with its context, and leaves the name to who has it"}},

	{fault: "one lock for all names", spoil: func(s session.Store) session.Store {
		return mislocking{s, func(ctx context.Context, _ string) (func(), error) { return s.(session.Locker).Lock(ctx, "") }}
	}, caught: []string{"Lock gives a name to one at a time, and other names meanwhile"}},

	{fault: "an outage looks like absence", spoil: func(s session.Store) session.Store { return s },
		caught: []string{"Get of a store that cannot answer is an error, and not ErrNotFound",
			"List of a store that cannot answer is an error, and not ErrNotFound"}},
}

// endRules are the names of the checks for each call that ends a lease.
func endRules(before, after string) (rules []string) {
	for _, end := range enders {
		rules = append(rules, before+end.call+after)
	}
	return rules
}
