package simulate

import (
	"net/http"
	"strings"
	"testing"
)

func TestAbsences(t *testing.T) {
	const thing, dry = "/apis/example.com/v1/namespaces/a/things/b", "?dryRun=All"
	const missing = `{"kind": "Status", "reason": "NotFound", "details": {"kind": "namespaces", "name": "a"}}`
	again := asking{method: "PATCH", path: thing + dry, body: "{}"}
	for _, c := range []struct {
		why, says string
		first     asking
		then      []asking
		ask       asking
		want      bool // whether the server is asked
	}{
		{"nothing has changed", missing, again, nil, again, false},
		{"objects elsewhere change nothing", missing, again, []asking{{method: "POST", path: "/api/v1/namespaces/c/services"}}, again, false},
		{"a namespace is made", missing, again, []asking{{method: "POST", path: "/api/v1/namespaces"}}, again, true},
		{"a namespace is applied", missing, again, []asking{{method: "PATCH", path: "/api/v1/namespaces/a"}}, again, true},
		{"a namespace would be applied", missing, again, []asking{{method: "PATCH", path: "/api/v1/namespaces/a?dryRun=All"}}, again, false},
		{"a kind may be unknown now", missing, again, []asking{{method: "PUT", path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com"}}, again, true},
		{"another content may be refused for another reason", missing, again, nil, asking{method: "PATCH", path: thing + dry, body: "[]"}, true},
		{"another object, too", missing, again, nil, asking{method: "PATCH", path: thing + "b" + dry, body: "{}"}, true},
		{"no dry run", missing, again, nil, asking{method: "PATCH", path: thing, body: "{}"}, true},
		{"a service account", missing, asking{method: "PATCH", path: thing + dry, body: "{}", user: "tenant"}, nil, asking{method: "PATCH", path: thing + dry, body: "{}", user: "tenant"}, true},
		{"the object is missing", strings.Replace(missing, "namespaces", "things", 1), again, nil, again, true},
		{"another namespace is missing", strings.Replace(missing, `"a"`, `"c"`, 1), again, nil, again, true},
		{"the kind is missing", "404 page not found", again, nil, again, true},
	} {
		t.Run(c.why, func(t *testing.T) {
			server := &counter{says: c.says}
			via := absentee{newAbsences(), server}
			send := func(a asking) {
				a.status = http.StatusNotFound
				a.send(t, server, via)
			}
			for _, a := range append([]asking{c.first}, c.then...) {
				send(a)
			}
			before := server.asked
			send(c.ask)
			if got := server.asked > before; got != c.want {
				t.Errorf("the server is asked: %t, want %t", got, c.want)
			}
		})
	}
}
