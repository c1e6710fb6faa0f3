package facts

import (
	"fmt"
	"strconv"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// fate says what becomes of the volume of a claim that goes, and how bad that is.
func (s Step) fate(claim map[string]any) (string, finding.Severity) {
	policy, says := s.reclaims(claim)
	switch policy {
	case "":
		return `its volume and the data on it go, unless the reclaim policy of the volume is "Retain"`, finding.Error
	case "Retain":
		return "its volume stays, since the reclaim policy of " + says + ` is "Retain", but no claim gets at the data`, finding.Warning
	}
	return "its volume and the data on it go, since the reclaim policy of " + says + " is " + strconv.Quote(policy), finding.Error
}

// reclaims is the reclaim policy of the volume of a claim, and the object that
// says so. It is empty where the cluster tells nothing about it.
func (s Step) reclaims(claim map[string]any) (policy, says string) {
	volume := text(claim, "spec", "volumeName")
	class, named := value(claim, "spec", "storageClassName").(string)
	for _, obj := range s.stored() {
		ref := refOf(obj)
		if ref.Kind == "PersistentVolume" && ref.Name == volume && volume != "" {
			return text(obj, "spec", "persistentVolumeReclaimPolicy"), ref.String()
		}
		byDefault := text(obj, "metadata", "annotations", "storageclass.kubernetes.io/is-default-class") == "true"
		if ref.Kind != "StorageClass" || volume != "" || ref.Name != class && (named || !byDefault) {
			continue
		}
		if policy = text(obj, "reclaimPolicy"); policy == "" {
			policy = "Delete"
		}
		return policy, ref.String()
	}
	return "", ""
}

// stored are the volumes and storage classes of the cluster, also those that
// the step deletes.
func (s Step) stored() []map[string]any {
	out := append([]map[string]any{}, s.Storage...)
	for _, o := range s.Objects {
		if o.After == nil && (o.Ref.Kind == "PersistentVolume" || o.Ref.Kind == "StorageClass") {
			out = append(out, o.Before)
		}
	}
	return out
}

// stopped says what the deletion of a StatefulSet leaves.
func (s Step) stopped(o Object) (string, finding.Severity) {
	claims := claimsOf(o.Before, 0)
	if len(claims) == 0 {
		return "its pods stop", finding.Warning
	}
	words := counted(len(claims), "claim") + " of its templates (" + namedFew(claims) + ")"
	if ns := s.within(o); !ns.IsZero() {
		return "its pods stop; " + words + " " + agree(len(claims), "goes", "go") + " with " + ns.String(), finding.Error
	}
	if text(o.Before, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") == "Delete" {
		return "its pods stop; " + words + " " + agree(len(claims), "goes", "go") + " too, as its retention policy says", finding.Error
	}
	return "its pods stop; " + words + " " + agree(len(claims), "stays", "stay") + " with the data, and nobody looks after " + agree(len(claims), "it", "them"), finding.Warning
}

// fewerClaims is about the claims that a StatefulSet leaves when it is scaled down.
func (s Step) fewerClaims(o Object) (finding.Fact, bool) {
	if o.Ref.Group != "apps" || o.Ref.Kind != "StatefulSet" || !o.altered() {
		return finding.Fact{}, false
	}
	before, after := replicas(o.Before), replicas(o.After)
	claims := claimsOf(o.Before, after)
	if after >= before || len(claims) == 0 {
		return finding.Fact{}, false
	}
	words := fmt.Sprintf("is scaled from %d to %d: %s of its templates (%s) ", before, after, counted(len(claims), "claim"), namedFew(claims))
	f := o.fact("/spec/replicas", words+agree(len(claims), "stays", "stay")+" with the data, and "+agree(len(claims), "is", "are")+" used again when it grows")
	f.Severity, f.Check = finding.Info, "delete the claims by hand if nobody needs the data"
	if text(o.After, "spec", "persistentVolumeClaimRetentionPolicy", "whenScaled") == "Delete" {
		f.Message, f.Severity = words+agree(len(claims), "goes", "go")+" too, as its retention policy says", finding.Error
		f.Check = `make a backup, or set whenScaled of its retention policy to "Retain"`
	}
	return f, true
}

func replicas(obj map[string]any) int64 {
	if n, set := number(obj, "spec", "replicas"); set {
		return n
	}
	return 1
}

// claimsOf names the claims that the templates of a StatefulSet have made for
// all pods from a number on.
func claimsOf(obj map[string]any, from int64) []string {
	first, _ := number(obj, "spec", "ordinals", "start")
	var out []string
	for i := from; i < replicas(obj); i++ {
		for _, template := range items(obj, "spec", "volumeClaimTemplates") {
			out = append(out, fmt.Sprintf("%s-%s-%d", text(template, "metadata", "name"), text(obj, "metadata", "name"), first+i))
		}
	}
	return out
}

func namedFew(names []string) string {
	out := quoted(names[:min(len(names), maxNamed)])
	if more := len(names) - maxNamed; more > 0 {
		out += fmt.Sprintf(" and %d more", more)
	}
	return out
}

// leftClaims lists the StatefulSets that leave claims behind.
func leftClaims(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Objects {
		if f, ok := s.fewerClaims(o); ok && f.Severity == finding.Info && o.Action != diff.Recreate {
			out = append(out, f)
		}
	}
	return out
}
