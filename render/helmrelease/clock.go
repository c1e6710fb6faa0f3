package helmrelease

import (
	"strconv"
	"text/template"
	"time"
)

const dateLayout = "2006-01-02"

// clock yields the functions that read the time or the time zone. The
// controller runs in UTC.
func (s *steady) clock() template.FuncMap {
	return template.FuncMap{
		"now":            func() time.Time { return s.now },
		"ago":            s.ago,
		"date":           func(layout string, date any) string { return s.format(layout, date, "UTC") },
		"dateInZone":     s.format,
		"date_in_zone":   s.format,
		"durationRound":  s.durationRound,
		"htmlDate":       func(date any) string { return s.format(dateLayout, date, "UTC") },
		"htmlDateInZone": func(date any, zone string) string { return s.format(dateLayout, date, zone) },
		"toDate":         parseDate,
		"mustToDate":     func(layout, text string) (time.Time, error) { return time.ParseInLocation(layout, text, time.UTC) },
	}
}

// instant reads a date as sprig does: whatever is no date is now.
func (s *steady) instant(date any) time.Time {
	switch d := date.(type) {
	case time.Time:
		return d
	case *time.Time:
		return *d
	case int64:
		return time.Unix(d, 0)
	case int:
		return time.Unix(int64(d), 0)
	case int32:
		return time.Unix(int64(d), 0)
	}
	return s.now
}

func (s *steady) ago(date any) string {
	return s.now.Sub(s.instant(date)).Round(time.Second).String()
}

// durationRound is the largest unit of a duration, or of the time since a date.
func (s *steady) durationRound(duration any) string {
	var d time.Duration
	switch v := duration.(type) {
	case string:
		d, _ = time.ParseDuration(v)
	case int64:
		d = time.Duration(v)
	case time.Time:
		d = s.now.Sub(v)
	}
	const day = 24 * time.Hour
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{365 * day, "y"}, {30 * day, "mo"}, {day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d.Abs() > unit.length {
			return strconv.FormatInt(int64(d.Abs()/unit.length), 10) + unit.name
		}
	}
	return "0s"
}

func (s *steady) format(layout string, date any, zone string) string {
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		location = time.UTC
	}
	return s.instant(date).In(location).Format(layout)
}

func parseDate(layout, text string) time.Time {
	t, err := time.ParseInLocation(layout, text, time.UTC)
	if err != nil {
		return time.Time{}
	}
	return t
}
