package facts

import (
	"strconv"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

var readsNothing = Kind{
	ID: "reads-nothing", Severity: finding.Warning,
	Summary: "pods cannot start without a ConfigMap, Secret or claim that is not there",
	Why: `The server takes a workload whatever its pods refer to. The kubelet does not start a container whose ConfigMap or Secret is missing,
and the scheduler leaves a pod without its claim pending. Pods that run go on until they are replaced, so that the failure comes late. Told is
what the change takes away from workloads that refer to it, also by moving one of the two to another namespace, and as information what a
changed workload refers to from now on without that anybody in the repository makes it.`,
	Check: "keep what is referred to, or let the workload refer to something else",
	find:  findReadsNothing,
}

// reference is what a pod cannot start without.
type reference struct {
	object  finding.Ref
	pointer []string // in the pod
}

func findReadsNothing(s Step) []finding.Fact {
	if s.Held == nil || s.Empty {
		return nil
	}
	gone := map[finding.Ref]Object{}
	changed := map[finding.Ref]Object{}
	for _, o := range s.Objects {
		if o.Action == diff.Delete {
			gone[o.Ref] = o
		}
		changed[o.Ref] = o
	}
	var out []finding.Fact
	for _, w := range s.Workloads {
		o := changed[refOf(w)]
		o.Ref = refOf(w)
		t, ok := templateOf(o.Ref)
		if !ok || o.Action == diff.Delete || terminates(w) {
			continue
		}
		had := map[finding.Ref]bool{}
		for _, r := range references(o.Ref.Namespace, t.spec(o.Before)) {
			had[r.object] = true
		}
		told := map[finding.Ref]bool{}
		for _, r := range references(o.Ref.Namespace, t.spec(w)) {
			if told[r.object] || s.applied(r.object) {
				continue
			}
			told[r.object] = true
			if f, ok := s.missing(o, r, had[r.object], gone); ok {
				pointer := t.pointer(append([]string{"spec"}, r.pointer...)...)
				f.Object, f.Field, f.Others = o.Ref, pointer, []finding.Ref{r.object}
				f.Owner, f.Pos = s.placed(o.Ref, pointer)
				out = append(out, f)
			}
		}
	}
	return out
}

// missing is the fact about one reference of a workload, if what it refers to is
// not there.
func (s Step) missing(w Object, r reference, had bool, gone map[finding.Ref]Object) (finding.Fact, bool) {
	if was, ok := gone[r.object]; ok {
		by := "goes"
		if !was.Owner.IsZero() {
			by = was.Owner.String() + " deletes"
		}
		return finding.Fact{Message: "refers to " + r.object.String() + ", which " + by + ": its pods do not start any more once they are replaced"}, true
	}
	if w.After == nil || had || s.Held(r.object) || s.Declared != nil && s.Declared(r.object) {
		return finding.Fact{}, false
	}
	if from, ok := movedFrom(w.Ref, gone); ok {
		if there := (finding.Ref{Group: r.object.Group, Kind: r.object.Kind, Namespace: from, Name: r.object.Name}); s.Held(there) {
			return finding.Fact{Message: "refers to " + r.object.String() + ", which is not there: it has left " + there.String() + " behind, and its pods do not start"}, true
		}
	}
	return finding.Fact{Severity: finding.Info, Message: "refers to " + r.object.String() + " from now on, which nobody in the repository makes",
		Check: "see that the cluster has it"}, true
}

// movedFrom is the namespace in which a workload of the same kind and name is
// deleted.
func movedFrom(ref finding.Ref, gone map[finding.Ref]Object) (string, bool) {
	for _, other := range sortedRefs(gone) {
		if other.Group == ref.Group && other.Kind == ref.Kind && other.Name == ref.Name && other.Namespace != ref.Namespace {
			return other.Namespace, true
		}
	}
	return "", false
}

// applied reports whether a Flux object applies an object.
func (s Step) applied(ref finding.Ref) bool {
	for _, o := range s.Owners {
		if o.Rendered[ref] != nil {
			return true
		}
	}
	return false
}

func terminates(obj map[string]any) bool {
	return text(obj, "metadata", "deletionTimestamp") != ""
}

// rootCertificates is a ConfigMap that every namespace has.
const rootCertificates = "kube-root-ca.crt"

// references lists what a pod cannot start without, in the order of its spec.
func references(namespace string, spec map[string]any) []reference {
	var out []reference
	add := func(kind string, from any, field string, pointer ...string) {
		if name := text(from, field); name != "" && name != rootCertificates && !truth(from, "optional") {
			out = append(out, reference{finding.Ref{Kind: kind, Namespace: namespace, Name: name}, append(pointer, field)})
		}
	}
	for _, c := range containers(spec) {
		at := []string{c.list, strconv.Itoa(c.index)}
		for i, e := range items(c.value, "envFrom") {
			here := append(at[:2:2], "envFrom", strconv.Itoa(i))
			add("ConfigMap", value(e, "configMapRef"), "name", append(here[:4:4], "configMapRef")...)
			add("Secret", value(e, "secretRef"), "name", append(here[:4:4], "secretRef")...)
		}
		for i, e := range items(c.value, "env") {
			here := append(at[:2:2], "env", strconv.Itoa(i), "valueFrom")
			add("ConfigMap", value(e, "valueFrom", "configMapKeyRef"), "name", append(here[:5:5], "configMapKeyRef")...)
			add("Secret", value(e, "valueFrom", "secretKeyRef"), "name", append(here[:5:5], "secretKeyRef")...)
		}
	}
	for i, v := range items(spec, "volumes") {
		here := []string{"volumes", strconv.Itoa(i)}
		add("ConfigMap", value(v, "configMap"), "name", append(here[:2:2], "configMap")...)
		add("Secret", value(v, "secret"), "secretName", append(here[:2:2], "secret")...)
		add("PersistentVolumeClaim", value(v, "persistentVolumeClaim"), "claimName", append(here[:2:2], "persistentVolumeClaim")...)
		for j, source := range items(v, "projected", "sources") {
			deep := append(here[:2:2], "projected", "sources", strconv.Itoa(j))
			add("ConfigMap", value(source, "configMap"), "name", append(deep[:5:5], "configMap")...)
			add("Secret", value(source, "secret"), "name", append(deep[:5:5], "secret")...)
		}
	}
	return out
}
