// public.go: paths that look public, and are not.

package gatewaytest

// NotPublic are paths that must not be let in by "public /public/* /healthz /",
// because a backend may find another resource there.
var NotPublic = []string{
	"/api/me", "/public", "/publicx", "/PUBLIC/x", "/Public/x", "/healthz/", "/healthz/x", "/HEALTHZ", "/healthz;a", "/healthz%00",
	"//public/x", "//healthz", "/./public/x", "/x/../public/x",
	"/public/../api/me", "/public/..", "/public/.", "/public/./x", "/public/x/..", "/public/...", "/public/.../api",
	"/public/..;/api/me", "/public/..;a=b/api/me", "/public/;/../api/me", "/public/x;y", "/public/x%3by", "/public/%3b/x",
	"/public/%2e%2e/api/me", "/public/%2E%2E/api/me", "/public/.%2e/api/me", "/public/%2e/x", "/public/%2e%2e%2fapi%2fme",
	"/public/..%2fapi%2fme", "/public%2fx", "/public%2Fx", "/public/a%2fb", "/%2fpublic/x", "/%70ublic/..%2f", "/public/%2f..%2fapi",
	"/public/..%5capi%5cme", "/public/%5c..%5capi", "/public%5cx", "/public/a%5Cb",
	"/public/%252e%252e/api/me", "/public/%25", "/public/%2541", "/public/%252f..%252fapi",
	"/public/%00", "/public/x%00.png", "/public/%0a", "/public/%0d%0aX", "/public/%7f", "/public/%09",
	"/public/%c0%ae%c0%ae/api", "/public/%ff", "/public/%80",
	"/public/..%20/api", "/public/..%20./api", "/public/%2e%20/x",
	// what a backend that brings text into NFKC takes for / \ . and ;
	"/public/..%ef%bc%8fapi%ef%bc%8fme", "/public/..%e2%88%95api", "/public/..%ef%bc%bcapi", "/public/%ef%bc%8e%ef%bc%8e/api", "/public/%e2%80%a5/api",
	"/public/%e2%80%a4%e2%80%a4/api", "/public/..%ef%bc%9b/api", "/public/..%c2%a0/api", "/public/%ef%bc%852e%ef%bc%852e/api",
	"/public/%ef%b8%b0/api/me", "/public/%ef%b8%99/api/me", "/public/..%ef%b9%94/api/me", "/public/..%ef%bc%9bx/api/me", "/public/..%cd%bex/api/me",
	"/public/..%e2%80%82/api", "/public/..%e2%80%8b/api", "/public/..%e2%84%80/api", "/public/x%ef%bc%9fy",
	"/public/x%23y", "/public/x%3fy",
	"/api?/public/x", "/api%3f/public/x", "/api/public/x",
}
