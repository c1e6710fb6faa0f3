package simulate

import (
	"net/http"
	"slices"
	"strings"
)

// request says what an HTTP request asks of the API server.
type request struct {
	group, version, resource   string
	namespace, name, subobject string
}

// parseRequest reads the path of a request for an object or a collection of
// objects. It reports false for discovery, health and the like.
func parseRequest(path string) (request, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var r request
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		r.version, parts = parts[1], parts[2:]
	case len(parts) >= 4 && parts[0] == "apis":
		r.group, r.version, parts = parts[1], parts[2], parts[3:]
	default:
		return request{}, false
	}
	if parts[0] == "namespaces" && len(parts) >= 3 && !namespaceSubobject(parts[2]) {
		r.namespace, parts = parts[1], parts[2:]
	}
	r.resource = parts[0]
	if len(parts) > 1 {
		r.name = parts[1]
	}
	if len(parts) > 2 {
		r.subobject = strings.Join(parts[2:], "/")
	}
	return r, true
}

func namespaceSubobject(s string) bool { return s == "status" || s == "finalize" }

// changes reports whether the request can change an object that a user knows of.
func (r request) changes(method string) bool {
	if !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method) {
		return false
	}
	switch {
	case r.group == "authorization.k8s.io" || r.group == "authentication.k8s.io":
		return false
	case r.group == "coordination.k8s.io" && r.resource == "leases":
		return false
	case r.resource == "events" || r.subobject == "token":
		return false
	}
	return true
}

// bookkeeping reports whether the object is one that Helm keeps for itself.
func (r request) bookkeeping() bool {
	return r.group == "" && r.resource == "secrets" && strings.HasPrefix(r.name, "sh.helm.release.v1.")
}
