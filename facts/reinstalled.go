package facts

import (
	"strconv"

	"github.com/flux-rehearse/flux-rehearse/diff"
	"github.com/flux-rehearse/flux-rehearse/finding"
)

// deployed is the newest entry of the history of a HelmRelease.
func deployed(release map[string]any) any {
	if history := items(release, "status", "history"); len(history) > 0 {
		return history[0]
	}
	return nil
}

// replacing are the fields of a HelmRelease by which a release becomes another one.
var replacing = [][]string{
	{"spec", "releaseName"}, {"spec", "targetNamespace"}, {"spec", "storageNamespace"},
	{"spec", "chart", "spec", "chart"}, {"spec", "chartRef", "name"},
}

// reinstalled lists the HelmReleases that uninstall their release and install another one.
func reinstalled(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Owners {
		was, is := deployed(o.Before), deployed(o.After)
		if o.Ref.Group != helmGroup || was == nil || is == nil || same(was, is) {
			continue
		}
		pointer := ""
		for _, path := range replacing {
			if pointer == "" && text(o.Before, path...) != text(o.After, path...) {
				pointer = finding.Pointer(path...)
			}
		}
		f := o.fact(pointer, "")
		f.From, f.To = text(was, "namespace")+"/"+text(was, "name"), text(is, "namespace")+"/"+text(is, "name")
		for _, c := range s.Objects {
			if c.Owner == o.Ref && (c.Action == diff.Delete || c.Action == diff.Recreate) {
				f.Others = append(f.Others, c.Ref)
			}
		}
		f.Message = "uninstalls its release " + release(was) + " and installs " + release(is) + " instead of upgrading it: all that it runs stops and starts anew"
		if len(f.Others) == 0 {
			f.Message = "forgets its release " + release(was) + ", whose objects stay in the cluster, and installs " + release(is) + " beside it"
		}
		f.Check = "keep the name, the namespace and the chart of the release, or plan the outage"
		out = append(out, f)
	}
	return out
}

// same reports whether two entries of a history belong to one release: another
// name or namespace makes another one, and a new count of its revisions says
// that it was uninstalled in between.
func same(was, is any) bool {
	for _, field := range []string{"name", "namespace"} {
		if text(was, field) != text(is, field) {
			return false
		}
	}
	before, _ := number(was, "version")
	after, _ := number(is, "version")
	return after > before || after == before && text(was, "chartName") == text(is, "chartName")
}

func release(entry any) string {
	return strconv.Quote(text(entry, "namespace")+"/"+text(entry, "name")) + " of chart " + strconv.Quote(text(entry, "chartName"))
}
