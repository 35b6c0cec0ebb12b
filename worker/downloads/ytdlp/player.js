// What a player of YouTube's looks like to yt-dlp's solver, in small: a function that is called
// with an address, the name of a parameter and a scrambled signature, and a class with a method
// that unscrambles `n`.
(function () {
  function Address() {
    this.values = {};
  }
  Address.prototype.set = function (name, value) {
    this.values[name] = value;
  };
  Address.prototype.get = function (name) {
    return this.values[name];
  };
  Address.prototype.unscramble = function () {
    if (this.values.n) this.values.n = this.values.n.split("").reverse().join("") + "!";
  };
  var open = function (url, name, signature) {
    var address = new Address();
    address.set("alr", "yes");
    if (signature) address.set(name, signature.split("").reverse().join(""));
    return address;
  };
}).call(this);
