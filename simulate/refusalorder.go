package simulate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// orderly puts the mistakes that the server finds in an object into one order.
// The server looks at the fields of a custom resource in the order of a map.
type orderly struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (o orderly) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.next.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(resp.Header.Get("Content-Type"), "json") {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	body = ordered(body)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// ordered sorts the causes of a refusal, in its details and in its message. What
// is no refusal with several causes stays as it is.
func ordered(body []byte) []byte {
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err != nil || status.Details == nil || len(status.Details.Causes) < 2 {
		return body
	}
	before := causesText(status.Details.Causes)
	if !strings.Contains(status.Message, before) {
		return body
	}
	slices.SortStableFunc(status.Details.Causes, func(a, b metav1.StatusCause) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Field, b.Field), strings.Compare(a.Message, b.Message))
	})
	status.Message = strings.Replace(status.Message, before, causesText(status.Details.Causes), 1)
	out, err := json.Marshal(status)
	if err != nil {
		return body
	}
	return out
}

// rank puts what is said of the whole object after its fields.
func rank(c metav1.StatusCause) int {
	if c.Field == "<nil>" {
		return 1
	}
	return 0
}

// causesText is how the server writes several causes, each once.
func causesText(causes []metav1.StatusCause) string {
	var texts []string
	for _, c := range causes {
		if text := c.Field + ": " + c.Message; !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
