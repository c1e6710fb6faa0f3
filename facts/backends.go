package facts

import (
	"slices"
	"strconv"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// backend is a Service that requests are sent to.
type backend struct {
	service finding.Ref
	port    any // number or name, nil for none
	pointer string
}

// leadsNowhere lists the routes to Services, or ports of them, that were there
// before the step and are not any more.
func leadsNowhere(s Step) []finding.Fact {
	is, was := map[finding.Ref]map[string]any{}, map[finding.Ref]map[string]any{}
	for _, obj := range s.Services {
		is[refOf(obj)], was[refOf(obj)] = obj, obj
	}
	for _, o := range s.Objects {
		if o.Ref.Group == "" && o.Ref.Kind == "Service" {
			was[o.Ref] = o.Before
		}
	}
	var out []finding.Fact
	for _, obj := range s.Routes {
		ref := refOf(obj)
		told := map[string]bool{}
		for _, b := range backends(ref, obj) {
			if was[b.service] == nil || !b.served(was[b.service]) || b.served(is[b.service]) {
				continue
			}
			message := "sends requests to " + b.service.String() + ", which is there no more"
			if is[b.service] != nil {
				message = "sends requests to port " + portWord(b.port) + " of " + b.service.String() + ", which has that port no more"
			}
			if told[message] {
				continue
			}
			told[message] = true
			f := finding.Fact{Object: ref, Field: b.pointer, Others: []finding.Ref{b.service}, Message: message, Check: "name a Service and a port that are there"}
			f.Owner, f.Pos = s.placed(ref, b.pointer)
			out = append(out, f)
		}
	}
	return out
}

// served reports whether a Service is there and has the port.
func (b backend) served(service map[string]any) bool {
	if service == nil || b.port == nil {
		return service != nil
	}
	return slices.ContainsFunc(items(service, "spec", "ports"), func(p any) bool {
		return portWord(b.port) == portWord(value(p, "port")) || portWord(b.port) == strconv.Quote(text(p, "name"))
	})
}

func portWord(port any) string {
	if name, ok := port.(string); ok {
		return strconv.Quote(name)
	}
	n, _ := number(map[string]any{"n": port}, "n")
	return strconv.FormatInt(n, 10)
}

func backends(ref finding.Ref, obj map[string]any) []backend {
	switch ref.Kind {
	case "Ingress":
		return ingressBackends(ref, obj)
	case "HTTPRoute":
		return httpBackends(ref, obj)
	}
	return nil
}

func ingressBackends(ref finding.Ref, obj map[string]any) []backend {
	var out []backend
	add := func(from any, path ...string) {
		service := value(from, "service")
		if service == nil {
			return
		}
		b := backend{service: finding.Ref{Kind: "Service", Namespace: ref.Namespace, Name: text(service, "name")}, port: value(service, "port", "number"), pointer: finding.Pointer(path...)}
		if name := text(service, "port", "name"); name != "" {
			b.port = name
		}
		out = append(out, b)
	}
	add(value(obj, "spec", "defaultBackend"), "spec", "defaultBackend")
	for i, rule := range items(obj, "spec", "rules") {
		for j, path := range items(rule, "http", "paths") {
			add(value(path, "backend"), "spec", "rules", strconv.Itoa(i), "http", "paths", strconv.Itoa(j), "backend")
		}
	}
	return out
}

func httpBackends(ref finding.Ref, obj map[string]any) []backend {
	var out []backend
	for i, rule := range items(obj, "spec", "rules") {
		for j, to := range items(rule, "backendRefs") {
			if kind := text(to, "kind"); kind != "" && kind != "Service" || text(to, "group") != "" {
				continue
			}
			ns := text(to, "namespace")
			if ns == "" {
				ns = ref.Namespace
			}
			out = append(out, backend{finding.Ref{Kind: "Service", Namespace: ns, Name: text(to, "name")}, value(to, "port"),
				finding.Pointer("spec", "rules", strconv.Itoa(i), "backendRefs", strconv.Itoa(j))})
		}
	}
	return out
}
