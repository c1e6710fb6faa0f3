package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// state is what a cluster holds after a step, in the form of the record.
type state struct {
	objects map[string]map[string]any // by group/kind/namespace/name
	managed map[string]string         // managers and operations by object
	flux    map[string]flux
	events  []string
}

// flux is a Flux object in flux.yaml.
type flux struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Namespace  string   `yaml:"namespace"`
	Name       string   `yaml:"name"`
	Inventory  []string `yaml:"inventory"`
	History    []string `yaml:"history"`
	Ready      struct {
		Status  string `yaml:"status"`
		Reason  string `yaml:"reason"`
		Message string `yaml:"message"`
	} `yaml:"ready"`
}

func (f flux) key() string { return f.Kind + "/" + f.Namespace + "/" + f.Name }

func load(dir string, masks *strings.Replacer) (state, error) {
	s := state{objects: map[string]map[string]any{}, managed: map[string]string{}, flux: map[string]flux{}}
	docs, err := documents(filepath.Join(dir, "objects.yaml"), masks)
	if err != nil {
		return s, err
	}
	for _, d := range docs {
		s.add(d)
	}
	var fl struct{ Objects []flux }
	if err := decode(filepath.Join(dir, "flux.yaml"), masks, &fl); err != nil {
		return s, err
	}
	for _, f := range fl.Objects {
		s.flux[f.key()] = f
	}
	var events []struct{ Object, Type, Reason, Message string }
	if err := decode(filepath.Join(dir, "events.yaml"), masks, &events); err != nil {
		return s, err
	}
	for _, e := range events {
		s.events = append(s.events, e.Object+" "+e.Type+" "+e.Reason+" "+mask(e.Message))
	}
	slices.Sort(s.events)
	return s, nil
}

// add takes an object in, less the bookkeeping that equality is not required of.
func (s *state) add(o map[string]any) {
	meta, _ := o["metadata"].(map[string]any)
	api, _ := o["apiVersion"].(string)
	group, _, found := strings.Cut(api, "/")
	if !found {
		group = ""
	}
	kind := fmt.Sprint(o["kind"])
	if o["type"] == "helm.sh/release.v1" || kind == "HelmChart" || kind == "ExternalArtifact" || kind == "Event" {
		return
	}
	name := strings.Join([]string{group, kind, fmt.Sprint(meta["namespace"]), fmt.Sprint(meta["name"])}, "/")
	s.managed[name] = managers(meta["managedFields"])
	delete(meta, "managedFields")
	delete(meta, "deletionGracePeriodSeconds")
	if meta["deletionTimestamp"] != nil {
		meta["deletionTimestamp"] = "<set>"
	}
	if kind == "Service" && group == "" {
		forgetAllocated(o)
	}
	if strings.HasSuffix(group, "toolkit.fluxcd.io") || strings.HasSuffix(group, "extensions.fluxcd.io") {
		delete(meta, "finalizers")
	}
	s.objects[name] = o
}

// forgetAllocated drops the addresses of a Service that the record masks: the
// server has chosen them.
func forgetAllocated(service map[string]any) {
	spec, _ := service["spec"].(map[string]any)
	for _, field := range []string{"clusterIP", "clusterIPs"} {
		if strings.HasPrefix(strings.TrimLeft(fmt.Sprint(spec[field]), "["), "<") && spec[field] != nil {
			delete(spec, field)
		}
	}
}

func managers(v any) string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		m, _ := item.(map[string]any)
		if m["manager"] == "kube-controller-manager" && m["subresource"] == "status" {
			continue // who made the workloads ready in the record is not in it
		}
		out = append(out, fmt.Sprint(m["manager"], " ", m["operation"], " ", m["subresource"]))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func documents(name string, masks *strings.Replacer) ([]map[string]any, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(strings.NewReader(identities(masks.Replace(string(data)))))
	var out []map[string]any
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err == nil {
			unread(&doc)
		}
		var m map[string]any
		if err == nil {
			err = doc.Decode(&m)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if m != nil {
			out = append(out, m)
		}
	}
}

// number is what YAML 1.1 takes for a number with an exponent. The records are
// written by a library that puts other texts of that kind down without quotes.
var number = regexp.MustCompile(`^[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+][0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$`)

// unread makes texts of the plain scalars that only YAML 1.2 reads as numbers.
func unread(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Style == 0 && n.Tag == "!!float" && !number.MatchString(n.Value) {
		n.Tag = "!!str"
	}
	for _, c := range n.Content {
		unread(c)
	}
}

func decode(name string, masks *strings.Replacer, into any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal([]byte(identities(masks.Replace(string(data)))), into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// compare lists what differs between the record (want) and the replay (got), in
// the order of weight of the README.
func compare(want, got state) (required, wanted []string) {
	required = append(required, sets("object", want.objects, got.objects)...)
	for _, k := range shared(want.objects, got.objects) {
		if d := cmp.Diff(want.objects[k], got.objects[k]); d != "" {
			required = append(required, "object "+k+": "+brief(d))
		}
	}
	for _, k := range shared(want.flux, got.flux) {
		required = append(required, compareFlux(want.flux[k], got.flux[k])...)
	}
	for k, f := range want.flux {
		if _, ok := got.flux[k]; !ok && f.Kind != "HelmChart" && f.Kind != "ExternalArtifact" {
			required = append(required, "status of "+k+" is missing")
		}
	}
	for _, k := range shared(want.managed, got.managed) {
		if want.managed[k] != got.managed[k] {
			wanted = append(wanted, fmt.Sprintf("managers of %s: want %q, got %q", k, want.managed[k], got.managed[k]))
		}
	}
	if d := cmp.Diff(want.events, got.events); d != "" {
		wanted = append(wanted, "events: "+brief(d))
	}
	slices.Sort(required)
	return required, wanted
}

func compareFlux(want, got flux) []string {
	if want.Kind == "HelmChart" || want.Kind == "ExternalArtifact" {
		return nil
	}
	var out []string
	differ := func(what, w, g string) {
		if w != g {
			out = append(out, fmt.Sprintf("%s of %s: want %q, got %q", what, want.key(), w, g))
		}
	}
	differ("ready status", want.Ready.Status, got.Ready.Status)
	differ("ready reason", want.Ready.Reason, got.Ready.Reason)
	differ("inventory", strings.Join(want.Inventory, ", "), strings.Join(got.Inventory, ", "))
	differ("history", strings.Join(want.History, ", "), strings.Join(got.History, ", "))
	if want.Ready.Status == "False" {
		differ("message", outOfTime(mask(want.Ready.Message), mask(got.Ready.Message)), outOfTime(mask(got.Ready.Message), mask(want.Ready.Message)))
	}
	return out
}

// limiter is what a wait of Helm may end with when its time is up, instead of
// naming the objects that it waits for: what the controller does at that moment decides.
const limiter = "client rate limiter Wait returned an error: rate: Wait(n=1) would exceed context deadline"

var waitedFor = regexp.MustCompile(`timeout waiting for: \[.*\]`)

// outOfTime is a message as it is compared with another one: without what a wait
// was for where the other one does not tell.
func outOfTime(text, other string) string {
	if strings.Contains(other, limiter) {
		text = waitedFor.ReplaceAllLiteralString(text, limiter)
	}
	return text
}

func sets[V any](what string, want, got map[string]V) []string {
	var out []string
	for k := range want {
		if _, ok := got[k]; !ok {
			out = append(out, what+" "+k+" is missing")
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			out = append(out, what+" "+k+" is not in the record")
		}
	}
	return out
}

func shared[V any](a, b map[string]V) []string {
	var out []string
	for k := range a {
		if _, ok := b[k]; ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// brief keeps the changed lines of a diff.
func brief(d string) string {
	var out []string
	for _, l := range strings.Split(strings.ReplaceAll(d, "\u00a0", " "), "\n") {
		if strings.HasPrefix(l, "-") || strings.HasPrefix(l, "+") {
			out = append(out, strings.Join(strings.Fields(l), " "))
		}
	}
	return strings.Join(out, " ")
}
