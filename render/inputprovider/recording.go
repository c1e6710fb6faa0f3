package inputprovider

import (
	"fmt"
	"hash/adler32"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// ID is the id of an input that is told from others by a text.
func ID(text string) string {
	return strconv.FormatUint(uint64(adler32.Checksum([]byte(text))), 10)
}

// questions are the fields that a service is asked with: another value of one
// gets another answer.
var questions = []string{"type", "url", "filter", "selectors", "skip"}

// replayed returns the inputs that a service answered when they were recorded,
// in the object itself or in a recording.
func (r *Renderer) replayed(u *unstructured.Unstructured, spec map[string]any) ([]map[string]any, *Failure) {
	record := r.recorded[render.RefOf(u)]
	if record == nil {
		if _, own := exported(u); !own {
			return nil, unknown(u, "no recording has the inputs that %q gets from %s")
		}
		record = u
	}
	list, ok := exported(record)
	if !ok {
		return nil, unknown(u, "the recording of %q holds no inputs from %s: its status has no exportedInputs")
	}
	asked, _ := record.Object["spec"].(map[string]any)
	for _, q := range questions {
		if asked != nil && !reflect.DeepEqual(asked[q], spec[q]) {
			return nil, unknown(u, "the inputs that were recorded of %q are not what %s answers now: spec."+q+" is another")
		}
	}
	return merged(list, asked, spec)
}

func exported(u *unstructured.Unstructured) ([]any, bool) {
	status, _ := u.Object["status"].(map[string]any)
	list, ok := status["exportedInputs"].([]any)
	return list, ok
}

func unknown(u *unstructured.Unstructured, format string) *Failure {
	from, _, _ := unstructured.NestedString(u.Object, "spec", "url")
	if from == "" {
		from = "the cluster"
	}
	ref := render.RefOf(u)
	return &Failure{Unknown: true, Problem: finding.Problem{
		Reason: "inputs-not-recorded", Field: "/spec/type", Message: fmt.Sprintf(format, ref.Namespace+"/"+ref.Name, from),
		Hint: fmt.Sprintf("write what \"kubectl -n %s get %s %s -o yaml\" prints to a file and name it below inputs: in the file of --config",
			ref.Namespace, "resourcesetinputprovider", ref.Name),
	}}
}

// merged gives every recorded input the default values of now for those of the
// recording.
func merged(list []any, asked, spec map[string]any) ([]map[string]any, *Failure) {
	old, _ := asked["defaultValues"].(map[string]any)
	now, _ := spec["defaultValues"].(map[string]any)
	ids := map[string]bool{}
	var out []map[string]any
	for i, item := range list {
		recorded, ok := item.(map[string]any)
		if !ok {
			return nil, refused(finding.Problem{Reason: "inputs-invalid", Field: "/spec/type", Message: fmt.Sprintf("the recorded input %d is no mapping", i)})
		}
		input := maps.Clone(recorded)
		for k, v := range old {
			if reflect.DeepEqual(input[k], v) {
				delete(input, k)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(now)) {
			if _, set := input[k]; !set {
				input[k] = now[k]
			}
		}
		id, ok := input["id"].(string)
		switch {
		case !ok || id == "":
			return nil, refused(finding.Problem{Reason: "inputs-invalid", Field: "/spec/type", Message: fmt.Sprintf("the recorded input %d has no id, which must be a text", i)})
		case ids[id]:
			return nil, refused(finding.Problem{Reason: "inputs-invalid", Field: "/spec/type", Message: fmt.Sprintf("two recorded inputs have the id %q", id)})
		}
		ids[id] = true
		out = append(out, input)
	}
	return out, nil
}
