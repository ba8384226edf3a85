// @ts-check
export const metadata = { title: "HubSpot in Next.js" };

const style = `:root{color-scheme:light dark}body{max-width:44rem;margin:3rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}
a{margin-right:1rem}form{margin:1rem 0}button{font:inherit;padding:.4rem 1rem;margin-right:.5rem}td{padding:.2rem 2rem .2rem 0}`;

/** @param {{ children: React.ReactNode }} props */
export default function Layout({ children }) {
  return (
    <html lang="en">
      <head>
        <style>{style}</style>
      </head>
      <body>
        <main>{children}</main>
      </body>
    </html>
  );
}
