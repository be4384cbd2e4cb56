// faulty_test.go: a store some of whose methods can be replaced by worse ones.

package sessiontest

import (
	"context"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/session"
)

// faulty is a store some of whose methods were replaced.
type faulty struct {
	session.Store
	mark        func(context.Context, string, time.Time) (bool, error)
	create      func(context.Context, session.Record, int) error
	get         func(context.Context, string) (session.Record, *session.Lease, error)
	update      func(context.Context, string, func([]byte) ([]byte, error)) error
	del         func(context.Context, string) error
	list        func(context.Context, string) ([]session.Record, error)
	deleteUser  func(context.Context, string) (int, error)
	updateValue func(context.Context, string, time.Time, func([]byte) ([]byte, error)) error
}

func (f *faulty) Mark(ctx context.Context, key string, until time.Time) (bool, error) {
	if f.mark != nil {
		return f.mark(ctx, key, until)
	}
	return f.Store.Mark(ctx, key, until)
}

func (f *faulty) Create(ctx context.Context, rec session.Record, limit int, value func([]byte) ([]byte, error)) error {
	if f.create != nil {
		return f.create(ctx, rec, limit)
	}
	return f.Store.Create(ctx, rec, limit, value)
}

func (f *faulty) Get(ctx context.Context, key string) (session.Record, *session.Lease, error) {
	if f.get != nil {
		return f.get(ctx, key)
	}
	return f.Store.Get(ctx, key)
}

func (f *faulty) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	if f.update != nil {
		return f.update(ctx, key, change)
	}
	return f.Store.Update(ctx, key, change)
}

func (f *faulty) Delete(ctx context.Context, key string) error {
	if f.del != nil {
		return f.del(ctx, key)
	}
	return f.Store.Delete(ctx, key)
}

func (f *faulty) List(ctx context.Context, user string) ([]session.Record, error) {
	if f.list != nil {
		return f.list(ctx, user)
	}
	return f.Store.List(ctx, user)
}

func (f *faulty) DeleteUser(ctx context.Context, user string) (int, error) {
	if f.deleteUser != nil {
		return f.deleteUser(ctx, user)
	}
	return f.Store.DeleteUser(ctx, user)
}

func (f *faulty) UpdateValue(ctx context.Context, key string, until time.Time, change func([]byte) ([]byte, error)) error {
	if f.updateValue != nil {
		return f.updateValue(ctx, key, until, change)
	}
	return f.Store.UpdateValue(ctx, key, until, change)
}

// mislocking is a store that locks in another way.
type mislocking struct {
	session.Store
	lock func(context.Context, string) (func(), error)
}

func (m mislocking) Lock(ctx context.Context, name string) (func(), error) { return m.lock(ctx, name) }

// miscounting is a store that counts in another way.
type miscounting struct {
	session.Store
	count func(context.Context) (map[string]int, error)
}

func (m miscounting) Count(ctx context.Context) (map[string]int, error) { return m.count(ctx) }
