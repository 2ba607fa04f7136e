// Who is signed in. The key lies in this tab's session storage only and goes with the tab.

const STORED = "likeness.key";

class Session extends EventTarget {
  key = sessionStorage.getItem(STORED);
  /** Of GET /v1/whoami: key, tenant, name, scopes, expires_at; null while not signed in. */
  who = null;
  /** Why the last session ended. */
  reason = "";

  begin(key) {
    this.key = key;
    this.reason = "";
  }

  /** The key was accepted. */
  confirm(who) {
    this.who = who;
    sessionStorage.setItem(STORED, this.key);
    this.dispatchEvent(new Event("change"));
  }

  /** The same key has another secret. */
  renew(key) {
    this.key = key;
    sessionStorage.setItem(STORED, key);
  }

  end(reason = "") {
    const was = this.who;
    this.key = this.who = null;
    this.reason = reason;
    sessionStorage.removeItem(STORED);
    if (was) this.dispatchEvent(new Event("change"));
  }

  may(scope) {
    return this.who?.scopes.includes(scope) ?? false;
  }

  mayAny(scopes) {
    return scopes.length === 0 || scopes.some((scope) => this.may(scope));
  }
}

export const session = new Session();
