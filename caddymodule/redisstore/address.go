// address.go: reading URLs, without ever repeating one in an error.

package redisstore

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// addresses reads the URLs. They must agree in all but host and port; user and
// password may stand in one of them for all.
func (d *deployment) addresses(o Options) error {
	if len(o.URLs) == 0 {
		return errors.New("no url is given: write  store redis <url>")
	}
	resolve := o.resolve
	if resolve == nil {
		resolve = func(s string) (string, error) { return s, nil }
	}
	secure, known := false, false
	for i, text := range o.URLs {
		if o.written && strings.Contains(text, "{") {
			continue
		}
		a, err := readURL(text, resolve)
		if err != nil {
			return fmt.Errorf("store redis: url %d: %w", i+1, err)
		}
		if a.port == "" {
			a.port = "6379"
			if d.Mode == ModeSentinel {
				a.port = "26379"
			}
		}
		addr := net.JoinHostPort(a.host, a.port)
		if slices.Contains(d.Addrs, addr) {
			return fmt.Errorf("store redis: url %d: %s is given twice", i+1, addr)
		}
		switch {
		case len(d.Addrs) > 0 && (a.tls != secure || a.db != d.DB):
			return fmt.Errorf("store redis: url %d: scheme and database must be the same in all urls", i+1)
		case a.account && known && (a.user != d.User || a.password != d.Password):
			return fmt.Errorf("store redis: url %d: user and password must be the same in all urls", i+1)
		}
		d.Addrs = append(d.Addrs, addr)
		secure, d.DB = a.tls, a.db
		if a.account {
			d.User, d.Password, known = a.user, a.password, true
		}
	}
	if secure {
		d.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return nil
}

type address struct {
	tls            bool
	account        bool
	user, password string
	host, port     string
	db             int
}

// readURL takes a URL apart by hand: a placeholder for a password (an environment
// variable, say) need not be escaped, and net/url repeats what it cannot read.
func readURL(text string, resolve func(string) (string, error)) (a address, err error) {
	if !strings.Contains(text, "://") { // all of it is a placeholder
		if text, err = resolve(text); err != nil {
			return a, errors.New("the placeholder resolves to nothing: set the environment variable, or put the value into the file")
		}
	}
	part := func(s, what string) (string, error) {
		if strings.Contains(s, "{") {
			resolved, err := resolve(s)
			if err != nil {
				return "", fmt.Errorf("a placeholder in the %s resolves to nothing: set the environment variable, or put the value into the file", what)
			}
			if resolved != s {
				return resolved, nil // taken as it is
			}
		}
		plain, err := url.PathUnescape(s)
		if err != nil {
			return "", fmt.Errorf("the %s has a %% that is no escape: write %%25", what)
		}
		return plain, nil
	}
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case ok && scheme == "redis":
	case ok && scheme == "rediss":
		a.tls = true
	default:
		return a, errors.New("it must begin with redis:// or rediss://")
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		account := rest[:at]
		user, password, has := strings.Cut(account, ":")
		if !has && strings.Contains(account, "{") { // one placeholder for both
			if account, err = resolve(account); err != nil {
				return a, errors.New("the placeholder for user and password resolves to nothing: set the environment variable, or put the value into the file")
			}
			user, password, has = strings.Cut(account, ":")
		}
		if !has {
			return a, errors.New("it has a user but no password: write user:password@, or :password@")
		}
		if a.user, err = part(user, "user"); err != nil {
			return a, err
		}
		if a.password, err = part(password, "password"); err != nil {
			return a, err
		}
		if a.password == "" {
			return a, errors.New("the password is empty")
		}
		a.account, rest = true, rest[at+1:]
	}
	if strings.ContainsAny(rest, "?#") {
		return a, errors.New("it has options behind ? or #, which belong into the block")
	}
	hostport, err := part(rest, "host")
	if err != nil {
		return a, err
	}
	hostport, db, _ := strings.Cut(hostport, "/")
	if db != "" {
		if a.db, err = strconv.Atoi(db); err != nil || a.db < 0 || a.db > 1<<16 {
			return a, errors.New("what follows the host must be the number of a database")
		}
	}
	a.host, a.port = hostport, ""
	if host, port, err := net.SplitHostPort(hostport); err == nil {
		a.host, a.port = host, port
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return a, errors.New("the port must be a number from 1 to 65535")
		}
	} else if strings.Contains(hostport, ":") {
		a.host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
		if net.ParseIP(a.host) == nil {
			return a, errors.New("host and port cannot be read")
		}
	}
	if a.host == "" || strings.ContainsAny(a.host, " \t\r\n/\\") {
		return a, errors.New("it names no host")
	}
	return a, nil
}

// secure reads the TLS files.
func (d *deployment) secure(o Options) error {
	d.tlsFiles = [4]string{o.TLSCA, o.TLSCert, o.TLSKey, o.TLSServerName}
	if d.TLS == nil {
		return nil
	}
	d.TLS.ServerName = o.TLSServerName
	if o.TLSCA != "" {
		pem, err := os.ReadFile(o.TLSCA)
		if err != nil {
			return fmt.Errorf("tls_ca: %w", err)
		}
		d.TLS.RootCAs = x509.NewCertPool()
		if !d.TLS.RootCAs.AppendCertsFromPEM(pem) {
			return errors.New("tls_ca: the file holds no certificate in PEM form")
		}
		d.caSum = sha256.Sum256(pem)
	}
	if (o.TLSCert == "") != (o.TLSKey == "") {
		return errors.New("tls_cert needs a certificate file and a key file")
	}
	if o.TLSCert != "" {
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
			return &pair, err
		}
		if _, err := load(); err != nil {
			return fmt.Errorf("tls_cert: %w", err)
		}
		// read for each connection: certificates are renewed while we run
		d.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return nil
}
