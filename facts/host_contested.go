package facts

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

var hostContested = Kind{
	ID: "host-contested", Severity: finding.Warning,
	Summary: "two Ingresses or HTTPRoutes claim the same host and path",
	Why: `The server takes both. Which one gets the requests is up to the controller: mostly the older one, so that the newer one seems
to do nothing, until the older one is deleted or created again.`,
	Check: "leave the host and path to one of them",
	find:  findHostContested,
}

// Routes reports whether objects of a kind say where the requests for a host go.
func Routes(group, kind string) bool {
	return group == "networking.k8s.io" && kind == "Ingress" || group == "gateway.networking.k8s.io" && kind == "HTTPRoute"
}

// route is one claim to a host and path at one entrance.
type route struct {
	entrance, claim, pointer string
}

func findHostContested(s Step) []finding.Fact {
	type holder struct {
		ref finding.Ref
		route
	}
	var out []finding.Fact
	first := map[[2]string]holder{}
	for _, obj := range s.Routes {
		ref := refOf(obj)
		for _, r := range routesOf(ref, obj) {
			key := [2]string{r.entrance, r.claim}
			have, taken := first[key]
			if !taken {
				first[key] = holder{ref, r}
				continue
			}
			if have.ref == ref {
				continue
			}
			f := finding.Fact{Object: ref, Field: r.pointer, Others: []finding.Ref{have.ref}, Message: "claims " + r.claim + ", as " + have.ref.String() + " does"}
			f.Owner, f.Pos = s.placed(ref, r.pointer)
			out = append(out, f)
		}
	}
	return slices.CompactFunc(out, func(a, b finding.Fact) bool { return finding.CompareFacts(a, b) == 0 })
}

func routesOf(ref finding.Ref, obj map[string]any) []route {
	if ref.Kind == "Ingress" {
		return ingressRoutes(obj)
	}
	return httpRoutes(ref, obj)
}

func ingressRoutes(obj map[string]any) []route {
	class := text(obj, "spec", "ingressClassName")
	if class == "" {
		class = text(obj, "metadata", "annotations", "kubernetes.io/ingress.class")
	}
	entrance := "Ingress " + class + " " + tuned(obj)
	var out []route
	for i, rule := range items(obj, "spec", "rules") {
		host := text(rule, "host")
		for _, p := range items(rule, "http", "paths") {
			if path := text(p, "path"); host != "" {
				out = append(out, route{entrance, host + path + " (" + text(p, "pathType") + ")", finding.Pointer("spec", "rules", strconv.Itoa(i), "host")})
			}
		}
	}
	return out
}

// tuned are the annotations by which controllers tell Ingresses of one host
// apart: canaries, entry points, ports and load balancers of their own.
func tuned(obj map[string]any) string {
	annotations, _ := value(obj, "metadata", "annotations").(map[string]any)
	var out []string
	for name, v := range annotations {
		if domain, _, _ := strings.Cut(name, "/"); strings.HasSuffix(domain, "ingress.kubernetes.io") {
			out = append(out, fmt.Sprintf("%s=%v", name, v))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ",")
}

func httpRoutes(ref finding.Ref, obj map[string]any) []route {
	var out []route
	for _, parent := range items(obj, "spec", "parentRefs") {
		ns := text(parent, "namespace")
		if ns == "" {
			ns = ref.Namespace
		}
		entrance := "Gateway " + ns + "/" + text(parent, "name") + "/" + text(parent, "sectionName")
		for i, host := range items(obj, "spec", "hostnames") {
			for _, rule := range items(obj, "spec", "rules") {
				for _, match := range items(rule, "matches") {
					// The keys of a map are written in their order.
					words, err := json.Marshal(match)
					name, ok := host.(string)
					if err == nil && ok {
						out = append(out, route{entrance, name + " " + string(words), finding.Pointer("spec", "hostnames", strconv.Itoa(i))})
					}
				}
			}
		}
	}
	return out
}
