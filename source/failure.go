package source

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// The reasons of a Failure. They are API: a rule reports each.
const (
	ReasonNotLocal     = "source-not-local"       // the content is not at hand; Unknown is set
	ReasonNotFound     = "source-not-found"       // no object of that kind and name
	ReasonKind         = "source-kind"            // not a kind of source
	ReasonURL          = "source-url"             // the controller refuses the URL
	ReasonRef          = "source-ref"             // no such branch, tag or version upstream
	ReasonContent      = "source-content"         // the content cannot be used as the spec asks
	ReasonInclude      = "source-include"         // an included GitRepository has no artifact
	ReasonChart        = "source-chart"           // no such chart, version or path
	ReasonNoArtifact   = "source-no-artifact"     // nothing yields the ExternalArtifact
	ReasonLocalContent = "source-local-content"   // what the source map or the work folder names cannot be read; Unknown is set
	ReasonInterrupted  = "interrupted"            // the run was cancelled; Unknown is set
	ReasonGenerator    = "artifact-generator"     // the spec of an ArtifactGenerator is invalid or an artifact cannot be built
	ReasonAliasShadow  = "artifact-name-is-alias" // an artifact takes the whole source of the alias that it is named after
)

// NotFound is the Failure of a reference to a source object that does not
// exist, in the words of the API server.
func NotFound(ref finding.Ref) *Failure {
	return &Failure{Condition: "SourceUnavailable", Problem: finding.Problem{
		Reason: ReasonNotFound, Object: ref,
		Message: fmt.Sprintf("%s.%s %q not found", ref.Kind, ref.Group, ref.Name),
		Hint:    fmt.Sprintf("create %s %q in namespace %q, or correct the reference", ref.Kind, ref.Name, ref.Namespace),
	}}
}

// refusal is what a controller reports about a source: a condition reason and
// a message.
func refusal(obj *unstructured.Unstructured, reason, condition, message string) *Failure {
	return &Failure{Condition: condition, Problem: finding.Problem{
		Reason: reason, Object: refOf(obj), Message: message,
	}}
}

// at sets the field that a Failure is about.
func (f *Failure) at(pointer, hint string) *Failure {
	f.Field = pointer
	if hint != "" {
		f.Hint = hint
	}
	return f
}

// unreadable is the Failure for local content that cannot be read.
func unreadable(obj *unstructured.Unstructured, what string, err error) *Failure {
	return &Failure{Unknown: true, Problem: finding.Problem{
		Reason: ReasonLocalContent, Object: refOf(obj),
		Message: fmt.Sprintf("%s cannot be read: %s", what, err),
		Hint:    "correct its entry in the --source-map file",
	}}
}

// absence describes content that is not at hand: what the user would write
// into the source map to bring it.
type absence struct {
	what  string // the chart, or empty for the whole source
	extra [][2]string
}

// notLocal is the Failure for content that is not at hand.
func notLocal(obj *unstructured.Unstructured, a absence) *Failure {
	url := text(obj, "spec", "url")
	fields := [][2]string{{"kind", obj.GetKind()}, {"namespace", obj.GetNamespace()}, {"name", obj.GetName()}}
	if url == "" {
		if url = text(obj, "spec", "bucketName"); url != "" {
			url = text(obj, "spec", "endpoint") + "/" + url
		}
	}
	if url != "" {
		fields = append(fields, [2]string{"url", url})
	}
	fields = append(append(fields, a.extra...), [2]string{"path", "FOLDER-OR-ARCHIVE"})
	what := a.what
	if what == "" {
		what = "the content"
	}
	where := ""
	if url != "" {
		where = fmt.Sprintf(" (%s)", url)
	}
	return &Failure{Unknown: true, Problem: finding.Problem{
		Reason: ReasonNotLocal, Object: refOf(obj), Field: "/spec/url",
		Message: fmt.Sprintf("%s of %s%s is not at hand", what, refOf(obj), where),
		Hint:    "add it to the --source-map file: " + flow(fields),
	}}
}

// flow writes fields as they stand in a source map, on one line.
func flow(fields [][2]string) string {
	parts := make([]string, 0, len(fields))
	for _, f := range fields {
		if f[1] != "" {
			parts = append(parts, f[0]+": "+f[1])
		}
	}
	return strings.Join(parts, ", ")
}

func refOf(u *unstructured.Unstructured) finding.Ref {
	gvk := u.GroupVersionKind()
	return finding.Ref{Group: gvk.Group, Kind: gvk.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
}

// text reads a string field; absent or of another type is empty.
func text(obj *unstructured.Unstructured, fields ...string) string {
	v, _, _ := unstructured.NestedFieldNoCopy(obj.Object, fields...)
	switch v := v.(type) {
	case string:
		return v
	case nil, map[string]any, []any:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// texts reads a list of strings; items of another type are left out.
func texts(obj *unstructured.Unstructured, fields ...string) []string {
	v, _, _ := unstructured.NestedFieldNoCopy(obj.Object, fields...)
	items, _ := v.([]any)
	var out []string
	for _, i := range items {
		if t, ok := i.(string); ok {
			out = append(out, t)
		}
	}
	return out
}
