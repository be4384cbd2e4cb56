// login.go: users who log in, to get tokens and to be measured.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// loginConns is how many log in at a time.
const loginConns = 8

// loginCost is what the gateway spends on logins. The time includes the
// simulator's; the CPU time is the gateway's alone. Logins by redirect are two
// requests, each measured right after as many logins by POST.
type loginCost struct {
	CPU       []float64 `json:"cpu_us"` // per login, one value per chunk
	Authorize []float64 `json:"authorize_cpu_us,omitempty"`
	Callback  []float64 `json:"callback_cpu_us,omitempty"`

	Rate   []float64 `json:"per_second"` // of each chunk
	Serial float64   `json:"serial_ms"`  // the median when one user logs in at a time
}

// codes asks the simulator for n codes for POST login, each of a new user.
func (f *fleet) codes(ctx context.Context, n int) ([]string, error) {
	return f.codesOf(ctx, n, simCodeRequest(f.sim, "/sim/login", appID))
}

func (f *fleet) codesOf(ctx context.Context, n int, request []byte) ([]string, error) {
	conns, err := dialAll(f.sim, loginConns)
	if err != nil {
		return nil, err
	}
	defer closeAll(conns)
	codes := make([]string, n)
	err = each(ctx, conns, n, func(c *conn, i int) error {
		if err := c.do(request); err != nil {
			return fmt.Errorf("the simulator: %w", err)
		}
		var answer struct{ Code string }
		err := json.Unmarshal(c.body, &answer)
		codes[i] = answer.Code
		return err
	})
	return codes, err
}

// login redeems codes at the gateway for tokens.
func (p *proxy) login(ctx context.Context, conns []*conn, codes []string) ([]string, error) {
	tokens := make([]string, len(codes))
	err := each(ctx, conns, len(codes), func(c *conn, i int) error {
		if err := c.do(loginRequest(p.at.logins, codes[i])); err != nil {
			return fmt.Errorf("login: %w", err)
		}
		var answer struct{ Token string }
		if err := json.Unmarshal(c.body, &answer); err != nil {
			return err
		}
		if answer.Token == "" {
			return errors.New("a login without a token")
		}
		tokens[i] = answer.Token
		return nil
	})
	return tokens, err
}

// prepare makes the requests of all users.
func (p *proxy) prepare(ctx context.Context, f *fleet, users int) error {
	tokens, err := p.tokens(ctx, f, users)
	if err != nil {
		return err
	}
	field, request := "Authorization: Bearer ", getRequest
	if p.cookie {
		field = "Cookie: " + cookieName + "="
	}
	if p.kind == respond || p.kind == check {
		request = checkRequest
	}
	for _, token := range tokens {
		p.requests = append(p.requests, request(p.at.site, field+token))
	}
	return nil
}

// tokens are those of users who log in, where somebody looks at them.
func (p *proxy) tokens(ctx context.Context, f *fleet, users int) (tokens []string, err error) {
	if p.door != nil {
		return p.door.tokens(ctx, f, users)
	}
	tokens = make([]string, users)
	if p.store != "" {
		codes, err := f.codes(ctx, users)
		if err != nil {
			return nil, err
		}
		conns, err := dialAll(p.at.logins, loginConns)
		if err != nil {
			return nil, err
		}
		defer closeAll(conns)
		if tokens, err = p.login(ctx, conns, codes); err != nil {
			return nil, p.failed(err)
		}
		return tokens, nil
	}
	for i := range tokens {
		tokens[i] = hmacToken(i)
	}
	return tokens, nil
}

// measureLogins logs n new users in, in chunks, and some more one by one.
func (p *proxy) measureLogins(ctx context.Context, f *fleet, n int) (*loginCost, error) {
	const chunks, serial = 5, 100
	codes, err := f.codes(ctx, n+serial)
	if err != nil {
		return nil, err
	}
	conns, err := dialAll(p.at.site, loginConns)
	if err != nil {
		return nil, err
	}
	defer closeAll(conns)
	result := new(loginCost)
	for i := range chunks {
		chunk := codes[i*n/chunks : (i+1)*n/chunks]
		if len(chunk) == 0 {
			continue
		}
		used, err := p.timed(nil, func() error {
			_, err := p.login(ctx, conns, chunk)
			return err
		})
		if err != nil {
			return nil, err
		}
		result.Rate = append(result.Rate, float64(len(chunk))/used.wall.Seconds())
		result.CPU = append(result.CPU, micros(used.cpu)/float64(len(chunk)))
		if p.web {
			if err := p.measureRedirects(ctx, f, len(chunk), result); err != nil {
				return nil, err
			}
		}
	}
	var took []float64
	for _, code := range codes[n:] {
		start := time.Now()
		if _, err := p.login(ctx, conns[:1], []string{code}); err != nil {
			return nil, err
		}
		took = append(took, micros(time.Since(start))/1e3)
	}
	result.Serial = median(took)
	return result, nil
}

func dialAll(address string, n int) ([]*conn, error) {
	var conns []*conn
	for range n {
		c, err := dial(address)
		if err != nil {
			closeAll(conns)
			return nil, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func closeAll(conns []*conn) {
	for _, c := range conns {
		_ = c.Close()
	}
}
