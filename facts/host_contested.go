package facts

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
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
	return group == "networking.k8s.io" && kind == "Ingress" || group == gatewayGroup && (kind == "HTTPRoute" || kind == "Gateway")
}

const gatewayGroup = "gateway.networking.k8s.io"

// route is one claim to a host and path.
type route struct {
	host, path string
	entrance   string // empty where others may claim the same
	claim      string // the host with all that a request is told by
	pointer    string
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
			if r.entrance == "" {
				continue
			}
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
	switch ref.Kind {
	case "Ingress":
		return ingressRoutes(obj)
	case "Gateway":
		return listeners(obj)
	}
	return httpRoutes(ref, obj)
}

func listeners(obj map[string]any) []route {
	var out []route
	for i, l := range items(obj, "spec", "listeners") {
		port, _ := number(l, "port")
		if host := text(l, "hostname"); host != "" {
			out = append(out, route{host: host, path: "port " + strconv.FormatInt(port, 10), pointer: finding.Pointer("spec", "listeners", strconv.Itoa(i), "hostname")})
		}
	}
	return out
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
				out = append(out, route{host, path, entrance, host + path + " (" + text(p, "pathType") + ")", finding.Pointer("spec", "rules", strconv.Itoa(i), "host")})
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
		for i, item := range items(obj, "spec", "hostnames") {
			host, _ := item.(string)
			for _, match := range matchesOf(obj) {
				if path, words := matched(match); host != "" {
					out = append(out, route{host, path, entrance, host + words, finding.Pointer("spec", "hostnames", strconv.Itoa(i))})
				}
			}
		}
	}
	return out
}

// matchesOf are what the rules of an HTTPRoute tell requests by: everything where
// a rule says nothing.
func matchesOf(obj map[string]any) []any {
	var out []any
	for _, rule := range items(obj, "spec", "rules") {
		matches := items(rule, "matches")
		if len(matches) == 0 {
			matches = []any{map[string]any{}}
		}
		out = append(out, matches...)
	}
	return out
}

// matched is the path of a match of an HTTPRoute, and all that it asks for.
func matched(match any) (path, words string) {
	path = cmp.Or(text(match, "path", "value"), "/")
	words = path + " (" + cmp.Or(text(match, "path", "type"), "PathPrefix") + ")"
	m, _ := match.(map[string]any)
	rest := maps.Clone(m)
	delete(rest, "path")
	if len(rest) > 0 {
		// The keys of a map are written in their order.
		more, _ := json.Marshal(rest)
		words += " with " + string(more)
	}
	return path, words
}
