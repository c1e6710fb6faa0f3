package facts

import "github.com/flux-rehearse/flux-rehearse/finding"

var imageChanged = Kind{
	ID: "image-changed", Severity: finding.Info,
	Summary: "a container gets another image",
	Why:     "Other code runs. It is also where a registry or a repository changes unnoticed.",
	Check:   "see that the image exists and is the one that was tested",
	find:    findImages,
}

func findImages(s Step) []finding.Fact {
	var out []finding.Fact
	for _, o := range s.Objects {
		t, ok := templateOf(o.Ref)
		if !ok || o.Before == nil || o.After == nil {
			continue
		}
		before := containers(t.spec(o.Before))
		for _, c := range containers(t.spec(o.After)) {
			had, ok := find(before, c)
			from, to := text(had.value, "image"), text(c.value, "image")
			if from == to {
				continue
			}
			f := o.fact(c.pointer(t, "image"), "container \""+c.name+"\" gets the image "+to+" instead of "+from)
			if !ok {
				f.Message = "gets the container \"" + c.name + "\" with the image " + to
			}
			f.From, f.To = from, to
			out = append(out, f)
		}
	}
	return out
}
