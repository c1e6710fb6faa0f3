package simulate

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// taken is what the server makes of x and y.
const taken = `{"x":[{"a":0},{"b":"2","c":3,"a":"1"}],"y":[{"a":1,"b":2}]}`

// counter is a server that counts what it is asked.
type counter struct {
	asked  int
	status int
	says   string
}

func (c *counter) RoundTrip(req *http.Request) (*http.Response, error) {
	c.asked++
	return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.says))}, nil
}

// asking is one request to a server.
type asking struct {
	method, path, body, user string
	status                   int // of the answer, 200 when 0
}

func (a asking) send(t *testing.T, c *counter, via http.RoundTripper) {
	t.Helper()
	c.status = max(a.status, http.StatusOK)
	req, err := http.NewRequestWithContext(t.Context(), a.method, "https://server"+a.path, strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/apply-patch+yaml")
	if a.user != "" {
		req.Header.Set("Impersonate-User", a.user)
	}
	resp, err := via.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != c.says {
		t.Fatalf("%s %s is answered %q (%v)", a.method, a.path, body, err)
	}
}

const policyPath = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"

func policyAbout(group, resource string) string {
	return `{"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":["` + group + `"],"resources":["` + resource + `"]}]}}}`
}

func TestRepeats(t *testing.T) {
	const definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com"
	const deployment, dry = "/apis/apps/v1/namespaces/a/deployments/b?fieldManager=m", "&dryRun=All"
	apply := asking{method: "PATCH", path: deployment, body: `{"x":[{"a":1,"b":2}]}`}
	again := asking{method: "PATCH", path: deployment + dry, body: `{"x":[{"a":1,"b":2}]}`}
	for _, c := range []struct {
		why   string
		first asking
		then  []asking
		ask   asking
		want  bool // whether the server is asked
	}{
		{"what was applied is the answer to the same dry run", apply, nil, again, false},
		{"what a dry run said is said again", again, nil, again, false},
		{"a dry run that would create says nothing of an update", asking{method: "PATCH", path: deployment + dry, body: `{"x":[{"a":1,"b":2}]}`, status: 201}, nil, again, true},
		{"what the server takes away may be refused when it comes again", asking{method: "PATCH", path: deployment, body: `{"x":[{"a":1,"d":2}]}`}, nil,
			asking{method: "PATCH", path: deployment + dry, body: `{"x":[{"a":1,"d":2}]}`}, true},
		{"what was created is there", asking{method: "PATCH", path: deployment, body: `{"x":[{"a":1,"b":2}]}`, status: 201}, nil, again, false},
		{"a refusal is asked for again", asking{method: "PATCH", path: deployment + dry, body: `{"x":[{"a":1,"b":2}]}`, status: 422}, nil, again, true},
		{"an apply is always sent", apply, nil, apply, true},
		{"another content is another question", apply, nil, asking{method: "PATCH", path: deployment + dry, body: `{"y":[{"a":1,"b":2}]}`}, true},
		{"another field manager, too", apply, nil, asking{method: "PATCH", path: "/apis/apps/v1/namespaces/a/deployments/b?fieldManager=n&dryRun=All", body: `{"x":[{"a":1,"b":2}]}`}, true},
		{"a service account is always asked for", apply, nil, asking{method: "PATCH", path: deployment + dry, body: `{"x":[{"a":1,"b":2}]}`, user: "tenant"}, true},
		{"somebody has written to the object", apply, []asking{{method: "PUT", path: "/apis/apps/v1/namespaces/a/deployments/b/status"}}, again, true},
		{"somebody has deleted the object", apply, []asking{{method: "DELETE", path: "/apis/apps/v1/namespaces/a/deployments/b"}}, again, true},
		{"somebody has deleted many", apply, []asking{{method: "DELETE", path: "/apis/apps/v1/namespaces/a/deployments"}}, again, true},
		{"a tenant has written to the object", apply, []asking{{method: "PATCH", path: deployment, body: `{"y":[{"a":1,"b":2}]}`, user: "tenant"}}, again, true},
		{"another object has nothing to do with it", apply, []asking{{method: "PUT", path: "/apis/apps/v1/namespaces/a/deployments/c"}}, again, false},
		{"a dry run changes nothing", apply, []asking{{method: "PUT", path: "/apis/apps/v1/namespaces/a/deployments/b?dryRun=All"}}, again, false},
		{"its namespace has changed", apply, []asking{{method: "PATCH", path: "/api/v1/namespaces/a", body: `{"z":[{"a":1,"b":2}]}`}}, again, true},
		{"another namespace has changed", apply, []asking{{method: "PATCH", path: "/api/v1/namespaces/c", body: `{"z":[{"a":1,"b":2}]}`}}, again, false},
		{"limits of its namespace have changed", apply, []asking{{method: "POST", path: "/api/v1/namespaces/a/limitranges"}}, again, true},
		{"defaults of the cluster have changed", apply, []asking{{method: "POST", path: "/apis/scheduling.k8s.io/v1/priorityclasses"}}, again, true},
		{"a definition is taken again as it is", asking{method: "PATCH", path: definition, body: `{"x":[{"a":1,"b":2}]}`}, nil,
			asking{method: "PATCH", path: definition + "?dryRun=All", body: `{"x":[{"a":1,"b":2}]}`}, false},
		{"unless somebody has written to it", asking{method: "PATCH", path: definition, body: `{"x":[{"a":1,"b":2}]}`}, []asking{{method: "PUT", path: definition}},
			asking{method: "PATCH", path: definition + "?dryRun=All", body: `{"x":[{"a":1,"b":2}]}`}, true},
		{"policies may read anything", apply, []asking{{method: "POST", path: "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"}}, again, true},
		{"a policy is about other kinds", apply, []asking{{method: "PATCH", path: policyPath + "ies/p", body: policyAbout("apiextensions.k8s.io", "*")}, {method: "POST", path: policyPath + "ybindings"}}, again, false},
		{"a policy is about this kind", apply, []asking{{method: "PATCH", path: policyPath + "ies/p", body: policyAbout("apps", "deployments/scale")}}, again, true},
		{"a dry run that such a policy has let pass is let pass again", asking{method: "PATCH", path: policyPath + "ies/p", body: policyAbout("apps", "deployments")}, []asking{again}, again, false},
		{"unless a policy has changed since", asking{method: "PATCH", path: policyPath + "ies/p", body: policyAbout("apps", "deployments")},
			[]asking{again, {method: "POST", path: policyPath + "ybindings", body: "{}"}}, again, true},
		{"a probe is no policy", asking{method: "PATCH", path: policyPath + "ies/p", body: policyAbout("apps", "deployments")},
			[]asking{again, {method: "POST", path: policyPath + "ies", body: `{"metadata":{"name":"` + probe + `-1"}}`}, {method: "DELETE", path: policyPath + "ies/" + probe + "-1"}}, again, false},
		{"an apply that it has let pass says nothing of the next", asking{method: "PATCH", path: policyPath + "ies/p", body: policyAbout("apps", "deployments")}, []asking{apply}, again, true},
		{"a policy that reads a parameter", asking{method: "PATCH", path: policyPath + "ies/p",
			body: `{"spec":{"paramKind":{"kind":"ConfigMap"},"matchConstraints":{"resourceRules":[{"apiGroups":["apps"],"resources":["*"]}]}}}`}, []asking{again}, again, true},
		{"a policy that asks for rights", asking{method: "PATCH", path: policyPath + "ies/p",
			body: `{"spec":{"validations":[{"expression":"authorizer.group('')"}],"matchConstraints":{"resourceRules":[{"apiGroups":["apps"],"resources":["*"]}]}}}`}, []asking{again}, again, true},
		{"a policy goes that was about other kinds", apply, []asking{{method: "DELETE", path: policyPath + "ies/p"}}, again, false},
		{"custom rules may compare an object with itself", asking{method: "PATCH", path: "/apis/example.com/v1/namespaces/a/things/b", body: `{"x":[{"a":1,"b":2}]}`}, nil,
			asking{method: "PATCH", path: "/apis/example.com/v1/namespaces/a/things/b?dryRun=All", body: `{"x":[{"a":1,"b":2}]}`}, true},
	} {
		t.Run(c.why, func(t *testing.T) {
			server := &counter{says: taken}
			via := repeater{newRepeats(), server}
			for _, a := range append([]asking{c.first}, c.then...) {
				a.send(t, server, via)
			}
			before := server.asked
			c.ask.send(t, server, via)
			if got := server.asked > before; got != c.want {
				t.Errorf("the server is asked: %t, want %t", got, c.want)
			}
		})
	}
}
