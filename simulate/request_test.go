package simulate

import "testing"

func TestParseRequest(t *testing.T) {
	for _, c := range []struct {
		path string
		want request
		ok   bool
		why  string
	}{
		{"/api/v1/namespaces/a/configmaps/b", request{"", "v1", "configmaps", "a", "b", ""}, true, "a namespaced object of the core group"},
		{"/apis/apps/v1/namespaces/a/deployments/b/status", request{"apps", "v1", "deployments", "a", "b", "status"}, true, "a subresource"},
		{"/apis/apps/v1/namespaces/a/deployments", request{"apps", "v1", "deployments", "a", "", ""}, true, "a collection"},
		{"/api/v1/namespaces/a", request{"", "v1", "namespaces", "", "a", ""}, true, "a namespace is no namespaced object"},
		{"/api/v1/namespaces/a/finalize", request{"", "v1", "namespaces", "", "a", "finalize"}, true, "a subresource of a namespace"},
		{"/apis/rbac.authorization.k8s.io/v1/clusterroles/x", request{"rbac.authorization.k8s.io", "v1", "clusterroles", "", "x", ""}, true, "a cluster-scoped object"},
		{"/apis/apps/v1", request{}, false, "discovery"},
		{"/healthz", request{}, false, "no API"},
	} {
		got, ok := parseRequest(c.path)
		if got != c.want || ok != c.ok {
			t.Errorf("%s: parseRequest(%q) = %+v, %t", c.why, c.path, got, ok)
		}
	}
}

func TestRequestChanges(t *testing.T) {
	for _, c := range []struct {
		method, path string
		want         bool
		why          string
	}{
		{"PATCH", "/api/v1/namespaces/a/configmaps/b", true, "an apply"},
		{"GET", "/api/v1/namespaces/a/configmaps/b", false, "a read"},
		{"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", false, "a question that is posted"},
		{"POST", "/api/v1/namespaces/a/events", false, "nobody wants to see events as changes"},
		{"POST", "/api/v1/namespaces/a/serviceaccounts/b/token", false, "a token is no object"},
	} {
		r, _ := parseRequest(c.path)
		if got := r.changes(c.method); got != c.want {
			t.Errorf("%s: %s %s changes: %t, want %t", c.why, c.method, c.path, got, c.want)
		}
	}
}
