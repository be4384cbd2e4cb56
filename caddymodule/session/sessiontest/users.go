// users.go: the rules about all sessions of one user.

package sessiontest

import (
	"sync/atomic"
)

func userChecks() []check {
	return []check{
		{"List is ordered by IssuedAt, oldest first", func(t tb, e env) {
			for _, n := range []int{3, 1, 4, 2, 5, 0} {
				create(t, e.store, e.rec(1, n), 0)
			}
			create(t, e.store, e.rec(2, 1), 0)
			wantList(t, e.store, e.rec(1, 0).User, e.rec(1, 0), e.rec(1, 1), e.rec(1, 2), e.rec(1, 3), e.rec(1, 4), e.rec(1, 5))
			wantDelete(t, e, e.rec(1, 3).Key)
			wantDelete(t, e, e.rec(1, 0).Key)
			wantDelete(t, e, e.rec(1, 5).Key)
			wantList(t, e.store, e.rec(1, 0).User, e.rec(1, 1), e.rec(1, 2), e.rec(1, 4))
		}},
		{"List and DeleteUser of nobody find none, without an error", func(t tb, e env) {
			wantList(t, e.store, e.rec(1, 1).User)
			wantDeleteUser(t, e, e.rec(1, 1).User, 0)
			create(t, e.store, e.rec(1, 1), 0)
			wantDelete(t, e, e.rec(1, 1).Key)
			wantList(t, e.store, e.rec(1, 1).User)
			wantDeleteUser(t, e, e.rec(1, 1).User, 0)
		}},
		{"DeleteUser ends all of a user and counts them", func(t tb, e env) {
			const n = 25
			for i := range n {
				create(t, e.store, e.rec(1, i), 0)
			}
			wantDeleteUser(t, e, e.rec(1, 1).User, n)
			for i := range n {
				wantAbsent(t, e.store, e.rec(1, i).Key, "its user was deleted")
			}
			wantList(t, e.store, e.rec(1, 1).User)
			wantDeleteUser(t, e, e.rec(1, 1).User, 0)
		}},
		{"DeleteUser touches no other user", func(t tb, e env) {
			for user := range 30 {
				create(t, e.store, e.rec(user, 1), 0)
				create(t, e.store, e.rec(user, 2), 0)
			}
			wantDeleteUser(t, e, e.rec(7, 1).User, 2)
			for user := range 30 {
				if user != 7 {
					wantList(t, e.store, e.rec(user, 1).User, e.rec(user, 1), e.rec(user, 2))
					get(t, e.store, e.rec(user, 2).Key)
				}
			}
		}},
		{"a user can log in again after DeleteUser", func(t tb, e env) {
			create(t, e.store, e.rec(1, 1), 0)
			wantDeleteUser(t, e, e.rec(1, 1).User, 1)
			create(t, e.store, e.rec(1, 2), 0)
			wantList(t, e.store, e.rec(1, 1).User, e.rec(1, 2))
		}},
		// The operator logs a user out everywhere while that user logs in and out.
		{"DeleteUser ends every session whose Create had returned", func(t tb, e env) {
			const n = 200
			var created atomic.Int32 // sessions 0 to created-1 exist
			var before int32
			together(2, func(i int) {
				if i == 1 {
					for j := range n {
						if err := e.store.Create(ctx, e.rec(1, j), 0, nil); err != nil {
							t.Errorf("Create = %v, want nil", err)
						}
						created.Add(1)
					}
					return
				}
				spin(func() bool { return created.Load() > 20 })
				before = created.Load()
				if _, err := e.store.DeleteUser(ctx, e.rec(1, 1).User); err != nil {
					t.Errorf("DeleteUser = %v, want nil", err)
				}
			})
			for j := range before {
				wantAbsent(t, e.store, e.rec(1, int(j)).Key, "created before DeleteUser began")
			}
			// and what survived is still known as the user's
			list, err := e.store.List(ctx, e.rec(1, 1).User)
			if err != nil {
				t.Fatalf("List = %v, want nil", err)
			}
			alive := 0
			for j := range n {
				if _, _, err := e.store.Get(ctx, e.rec(1, j).Key); err == nil {
					alive++
				}
			}
			if alive != len(list) {
				t.Errorf("%d sessions can be read, %d are listed", alive, len(list))
			}
			wantDeleteUser(t, e, e.rec(1, 1).User, alive)
		}},
	}
}

func wantDeleteUser(t tb, e env, user string, want int) {
	t.Helper()
	if n, err := e.store.DeleteUser(ctx, user); n != want || err != nil {
		t.Errorf("DeleteUser = %d, %v, want %d, nil", n, err, want)
	}
}
