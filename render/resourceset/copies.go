package resourceset

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/internal/loose"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// The annotations that ask for content of other objects.
const (
	copyFrom     = group + "/copyFrom"
	convertFrom  = group + "/convertKubeConfigFrom"
	checksumFrom = group + "/checksumFrom"
	checksum     = group + "/checksum"
)

// copies fills a ConfigMap or Secret with the data of another one.
func (j *job) copies(o *render.Object) *render.Result {
	ref := o.Ref()
	if ref.Group != "" || ref.Kind != "ConfigMap" && ref.Kind != "Secret" {
		return nil
	}
	for _, key := range []string{copyFrom, convertFrom} {
		value, asked := o.GetAnnotations()[key]
		if !asked || key == convertFrom && ref.Kind != "Secret" {
			continue
		}
		namespace, name, ok := strings.Cut(value, "/")
		if !ok {
			return j.refuse(j.copyProblem(o, key, fmt.Sprintf("%q does not name a %s: write namespace/name", value, ref.Kind)))
		}
		from := finding.Ref{Kind: ref.Kind, Namespace: namespace, Name: name}
		u, presence := j.read(from)
		switch {
		case presence == render.Absent:
			if res := j.absent(o, key, fmt.Sprintf("%s, whose data are copied, does not exist", from)); res != nil {
				return res
			}
			continue
		case presence == render.Unsure || u == nil:
			o.Origin.Encrypted = true
			continue
		case key == copyFrom:
			copyData(o, u)
			continue
		}
		if message := convert(o, u); message != "" {
			return j.refuse(j.copyProblem(o, key, fmt.Sprintf("%s %s", from, message)))
		}
	}
	return nil
}

func (j *job) copyProblem(o *render.Object, key, message string) finding.Problem {
	pointer := finding.Pointer("metadata", "annotations", key)
	return finding.Problem{Reason: "copy-failed", Object: o.Ref(), Field: pointer, Pos: o.At(pointer), Message: message}
}

// absent states that content to be copied is not there. It may have been made
// by hand, unless the cluster holds nothing but what is given.
func (j *job) absent(o *render.Object, key, message string) *render.Result {
	p := j.copyProblem(o, key, message)
	p.Reason, p.Hint = "copy-source-missing", "apply it before, or correct the annotation; what was made by hand is named below cluster: in the file of --config"
	if j.in.Settings.Complete {
		return j.refuse(p)
	}
	o.Origin.Encrypted = true
	j.problems = append(j.problems, p)
	return nil
}

// read looks an object up, first among those of the ResourceSet itself.
func (j *job) read(ref finding.Ref) (*unstructured.Unstructured, render.Presence) {
	if own := j.seen[ref]; own != nil {
		if own.Origin.Encrypted {
			return own.Unstructured, render.Unsure
		}
		return own.Unstructured, render.Present
	}
	return j.in.Cluster.Get(j.ctx, ref)
}

// dataFields are where ConfigMaps and Secrets hold content.
var dataFields = []string{"data", "binaryData", "stringData"}

// copyData takes over the data of another object, and the type of a Secret.
func copyData(o *render.Object, from *unstructured.Unstructured) {
	for _, field := range dataFields {
		if v, ok := from.Object[field].(map[string]any); ok {
			merged := map[string]any{}
			for k, value := range loose.Of(o.Object[field]) {
				merged[k] = value
			}
			for k, value := range v {
				merged[k] = value
			}
			o.Object[field] = merged
		}
	}
	if kind, ok := from.Object["type"].(string); ok {
		o.Object["type"] = kind
	}
}

// convert writes the kubeconfig of another Secret below the key that Flux
// reads. The message says why there is none.
func convert(o *render.Object, from *unstructured.Unstructured) string {
	data, text := loose.Of(from.Object["data"]), loose.Of(from.Object["stringData"])
	for _, key := range []string{"value", "kubeconfig", "config", "value.yaml"} {
		if v := text.Text(key); v != "" {
			o.Object["data"] = map[string]any{"value": base64.StdEncoding.EncodeToString([]byte(v))}
			return ""
		}
		if v := data.Text(key); v != "" {
			o.Object["data"] = map[string]any{"value": v}
			return ""
		}
	}
	return "holds no kubeconfig: its data have no key \"value\" or \"kubeconfig\""
}

// checksum writes the checksum of the data of other objects into the pods of a
// workload, so that they start anew when the data change.
func (j *job) checksum(o *render.Object) *render.Result {
	value := o.GetAnnotations()[checksumFrom]
	if value == "" {
		return nil
	}
	h := sha256.New()
	for _, part := range strings.Split(value, ",") {
		names := strings.Split(strings.TrimSpace(part), "/")
		if len(names) != 3 || !slices.Contains([]string{"ConfigMap", "Secret"}, names[0]) {
			return j.refuse(j.copyProblem(o, checksumFrom, fmt.Sprintf("%q does not name a ConfigMap or Secret: write Kind/namespace/name", strings.TrimSpace(part))))
		}
		ref := finding.Ref{Kind: names[0], Namespace: names[1], Name: names[2]}
		u, presence := j.read(ref)
		if presence == render.Absent {
			if res := j.absent(o, checksumFrom, fmt.Sprintf("%s, whose checksum is asked for, does not exist", ref)); res != nil {
				return res
			}
		}
		if u == nil {
			continue
		}
		for _, field := range dataFields {
			data, err := json.Marshal(u.Object[field])
			if err != nil {
				continue
			}
			h.Write(data)
		}
	}
	if _, ok, err := unstructured.NestedMap(o.Object, "spec", "template"); !ok || err != nil {
		return nil
	}
	sum := "sha256:" + hex.EncodeToString(h.Sum(nil))
	if err := unstructured.SetNestedField(o.Object, sum, "spec", "template", "metadata", "annotations", checksum); err != nil {
		return j.refuse(j.copyProblem(o, checksumFrom, fmt.Sprintf("the pods take no annotation: %v", err)))
	}
	return nil
}
