// Somebody with a browser that shows forms, keeps cookies and follows redirects of the issuer.

const unescaped = (text) =>
  text.replace(/&(#x[0-9a-f]+|#\d+|quot|lt|gt|amp);/gi, (_, name) => {
    if (name[0] === "#") return String.fromCodePoint(name[1] === "x" ? parseInt(name.slice(2), 16) : parseInt(name.slice(1)));
    return { quot: '"', lt: "<", gt: ">", amp: "&" }[name];
  });

const attributes = (tag) =>
  Object.fromEntries([...tag.matchAll(/([\w-]+)(?:="([^"]*)")?/g)].slice(1).map(([, name, value]) => [name, unescaped(value ?? "")]));

export class Person {
  #cookies = new Map();

  constructor(issuer, username, password) {
    Object.assign(this, { issuer, username, password });
  }

  async #fetch(url, options = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(url, { ...options, redirect: "manual", headers: { ...options.headers, cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split("=");
      this.#cookies.set(name, value);
    }
    const location = answer.headers.get("location");
    if (location?.startsWith(this.issuer)) return this.#fetch(location);
    return { url, location, status: answer.status, text: await answer.text() };
  }

  #submit(page, filled, press) {
    const form = attributes(page.text.match(/<form[^>]*>/)[0]);
    const fields = new URLSearchParams();
    for (const [tag] of page.text.matchAll(/<(?:input|button)[^>]*>/g)) {
      const { name, type, value, ...rest } = attributes(tag);
      if (!name || type === "submit" ? name !== press : false) continue;
      if (!name || ((type === "radio" || type === "checkbox") && !("checked" in rest))) continue;
      fields.set(name, filled[name] ?? value ?? "");
    }
    return this.#fetch(new URL(form.action, page.url), { method: "POST", body: fields });
  }

  // Opens an address, logs in when asked to, and answers the consent page. Gives the last page.
  async answer(url, press = "authorize") {
    let page = await this.#fetch(url);
    if (page.text.includes('name="password"')) {
      page = await this.#submit({ ...page, url: this.issuer }, { username: this.username, password: this.password });
    }
    if (!page.text.includes("Approve access")) throw new Error(`no consent page: ${page.text}`);
    return this.#submit({ ...page, url: this.issuer }, {}, press);
  }
}
