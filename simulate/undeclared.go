package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// undeclared names the same one in every run of several fields that the schema
// does not have. The server looks at the fields of a mapping in any order, and
// stops at the first that it does not know.
type undeclared struct{ next http.RoundTripper }

// oneUndeclared is a refusal for one field: the mapping that it is in, and its name.
var oneUndeclared = regexp.MustCompile(`^([^\n]*: )((?:\.[^\s:]+)?)\.([^\s:.\]]+): field not declared in schema\s*$`)

// maxUndeclared bounds how many fields of a mapping are asked about.
const maxUndeclared = 20

// RoundTrip implements http.RoundTripper.
func (t undeclared) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodPatch || !strings.Contains(req.Header.Get("Content-Type"), "apply-patch") {
		return t.next.RoundTrip(req)
	}
	sent, err := bodyOf(req)
	if err != nil {
		return nil, err
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil || resp.StatusCode < http.StatusBadRequest {
		return resp, err
	}
	body, err := answerOf(resp)
	if err != nil {
		return nil, err
	}
	var status metav1.Status
	if json.Unmarshal(body, &status) != nil {
		return resp, nil
	}
	m := oneUndeclared.FindStringSubmatch(status.Message)
	if m == nil {
		return resp, nil
	}
	first := slices.Min(t.all(req, sent, m))
	if first == m[3] {
		return resp, nil
	}
	named := strings.NewReplacer(m[2]+"."+m[3]+": field not", m[2]+"."+first+": field not")
	status.Message = named.Replace(status.Message)
	for i := range causesOf(&status) {
		status.Details.Causes[i].Message = named.Replace(status.Details.Causes[i].Message)
	}
	if body, err = json.Marshal(status); err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

func causesOf(status *metav1.Status) []metav1.StatusCause {
	if status.Details == nil {
		return nil
	}
	return status.Details.Causes
}

// all lists the fields of a mapping that the schema does not have: it asks again
// without those that are known.
func (t undeclared) all(req *http.Request, sent string, m []string) []string {
	found := []string{m[3]}
	var object map[string]any
	if yaml.Unmarshal([]byte(sent), &object) != nil {
		return found
	}
	mapping := within(object, m[2])
	for mapping != nil && len(found) < maxUndeclared {
		delete(mapping, found[len(found)-1])
		text, err := json.Marshal(object)
		if err != nil {
			return found
		}
		again := oneUndeclared.FindStringSubmatch(t.refusal(req, text))
		if again == nil || again[2] != m[2] || slices.Contains(found, again[3]) {
			return found
		}
		found = append(found, again[3])
	}
	return found
}

// refusal is what the server says to another text of a request, empty when it agrees.
func (t undeclared) refusal(req *http.Request, text []byte) string {
	try := req.Clone(req.Context())
	query := try.URL.Query()
	query.Set("dryRun", metav1.DryRunAll)
	try.URL.RawQuery = query.Encode()
	try.Body, try.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	try.GetBody = nil
	resp, err := t.next.RoundTrip(try)
	if err != nil {
		return ""
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	var status metav1.Status
	if err != nil || json.Unmarshal(body, &status) != nil {
		return ""
	}
	return status.Message
}

// pathStep is one step of a path as the server writes it: .spec, [0] or [name="a"].
var pathStep = regexp.MustCompile(`\.([^.\[\]]+)|\[([^\]]*)\]`)

// within finds a mapping of an object, nil where the path leads elsewhere.
func within(object map[string]any, path string) map[string]any {
	var at any = object
	for _, m := range pathStep.FindAllStringSubmatch(path, -1) {
		switch have := at.(type) {
		case map[string]any:
			at = have[m[1]]
		case []any:
			i := slices.IndexFunc(have, func(item any) bool { return hasKeys(item, m[2]) })
			if i < 0 {
				return nil
			}
			at = have[i]
		default:
			return nil
		}
	}
	mapping, _ := at.(map[string]any)
	return mapping
}

// hasKeys reports whether an item of a list has the keys by which the server
// names it: name="a",port=80.
func hasKeys(item any, keys string) bool {
	mapping, ok := item.(map[string]any)
	if !ok {
		return false
	}
	for _, key := range strings.Split(keys, ",") {
		name, value, ok := strings.Cut(key, "=")
		if !ok || fmt.Sprint(mapping[name]) != strings.Trim(value, `"`) {
			return false
		}
	}
	return true
}
