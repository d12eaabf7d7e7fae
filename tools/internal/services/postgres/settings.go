package postgres

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"example.com/boxoffice/tools/internal/services/state"
)

// settings is all that the outside world decides. Tests fill it by hand.
type settings struct {
	DatabaseURL string        // WORKSHOP_DATABASE_URL: use this server, start none
	Bin         string        // WORKSHOP_POSTGRES_BIN: use these binaries, look nowhere else
	Offline     bool          // WORKSHOP_OFFLINE: never download
	Idle        time.Duration // WORKSHOP_IDLE: how long the server outlives its last user
	State       string        // below WORKSHOP_STATE: folder for locks, and for data where memory is short
	Storage     []string      // where data may live, best first
	Cache       string        // folder that survives: downloads, the initialised cluster
	System      system        // where to look for PostgreSQL
	Downloads   downloads     // where to download it from
}

// defaultIdle is how long the server waits for the next user before it stops.
const defaultIdle = 10 * time.Minute

func settingsFromEnvironment() (settings, error) {
	folder, err := state.Folder()
	if err != nil {
		return settings{}, err
	}
	idle, err := idleFromEnvironment()
	if err != nil {
		return settings{}, err
	}
	return settings{
		DatabaseURL: os.Getenv("WORKSHOP_DATABASE_URL"),
		Bin:         os.Getenv("WORKSHOP_POSTGRES_BIN"),
		Offline:     isTrue(os.Getenv("WORKSHOP_OFFLINE")),
		Idle:        idle,
		State:       folder,
		Storage:     []string{filepath.Join("/dev/shm", state.FolderName()), folder},
		Cache:       cacheFolder(folder),
		System:      thisSystem(),
		Downloads:   publicDownloads(),
	}, nil
}

func idleFromEnvironment() (time.Duration, error) {
	text := os.Getenv("WORKSHOP_IDLE")
	if text == "" {
		return defaultIdle, nil
	}
	idle, err := time.ParseDuration(text)
	if err != nil || idle <= 0 {
		return 0, fmt.Errorf("WORKSHOP_IDLE=%q is no positive duration; set it like this: export WORKSHOP_IDLE=10m", text)
	}
	return idle, nil
}

func isTrue(text string) bool {
	yes, err := strconv.ParseBool(text)
	return text != "" && (yes || err != nil)
}

// cacheFolder keeps root's files outside its home: the server's user must reach them.
func cacheFolder(otherwise string) string {
	if os.Getuid() == 0 {
		return "/var/cache/boxoffice"
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return otherwise
	}
	return filepath.Join(cache, "boxoffice")
}

// serverUser is who PostgreSQL runs as; nil means the caller itself. PostgreSQL refuses to run as root.
func serverUser() *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil && uid != 0 {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	return &syscall.Credential{Uid: 65534, Gid: 65534}
}
